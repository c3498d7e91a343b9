/* A struct runtime of kind docker in front of a scripted engine. */
#ifndef UNIT_DOCKER_BENCH_H
#define UNIT_DOCKER_BENCH_H
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "descriptors.h"
#include "fake_engine.h"
#include "net/endpoint.h"
#include "runtime/runtime.h"

#define HEAD                                                                                                 \
  "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nDate: Sun, 29 Nov 2026 "        \
  "15:04:05 GMT\r\n"
#define OK HEAD "\r\n"
#define PING                                                                                                 \
  { "/_ping", HEAD "Api-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\nContent-Length: 0\r\n\r\n" }
#define FAULT(status, body) "HTTP/1.1 " status " X\r\nContent-Type: application/json\r\n\r\n" body
#define ID "0123456789abcdef"

struct bench {
  struct server engine;
  struct script script;
  struct loop *loop;
  struct runtime *rt;
  const struct runtime_ops *ops;
};

static inline void open_bench(struct bench *b, const struct row *rows, size_t n) {
  struct endpoint ep;
  struct error err = ERROR_INIT;
  b->script = (struct script){.rows = rows, .n = n};
  server_start(&b->engine, fake_serve, &b->script);
  b->loop = loop_new();
  assert_int_equal(endpoint_parse(b->engine.uri, "--host", &ep, &err), 0);
  assert_int_equal(runtime_open("docker", b->loop, &ep, &b->rt, &err), 0);
  b->ops = b->rt->ops;
  endpoint_done(&ep);
}

static inline void close_bench(struct bench *b) {
  b->ops->free(b->rt);
  loop_free(b->loop);
  server_stop(&b->engine);
}

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* rows say only what matters */

#define BENCH(...)                                                                                           \
  struct bench b;                                                                                            \
  static const struct row rows[] = {__VA_ARGS__};                                                            \
  struct error err = ERROR_INIT;                                                                             \
  (void)state;                                                                                               \
  open_bench(&b, rows, ARRAY_LEN(rows))

static inline void until(struct bench *b, const int *flag) {
  int64_t end = clock_ms() + 5000;
  while (!*flag && clock_ms() < end) loop_step(b->loop, 50);
  assert_true(*flag);
}

#endif
