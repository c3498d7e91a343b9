/* A list and its changes: bookmarks, ends, 410 in both ways, cuts at every byte, loss and return of contact.
 */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "descriptors.h"
#include "kube_server.h"
#include "runtime/kube/reach.h"
#include "runtime/registry.h"

#define OBJECT(name, version, more)                                                                          \
  "{\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" version "\"}" more "}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define BOOKMARK(version)                                                                                    \
  EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"" version "\"}}")
#define GONE_EVENT                                                                                           \
  EVENT(                                                                                                     \
      "ERROR",                                                                                               \
      "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\",\"message\":\"too old resource version\"}")
/* Its end is the connection's: in order. */
#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define GONE                                                                                                 \
  "HTTP/1.1 410 Gone\r\nConnection: close\r\n\r\n{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}"

struct world {
  struct kube_server s;
  struct loop *loop;
  struct kube *k;
  struct kube_watch *w;
  struct buf told; /* "+a ~a -a", "!" for trouble, "." for its end */
  struct error trouble;
  bool free_at_once;
};

static void note(struct world *w, char what, const char *name) {
  buf_printf(&w->told, "%s%c%s", w->told.len ? " " : "", what, name);
  if (w->free_at_once) kube_watch_free(TAKE(w->w));
}
static void on_object(void *data, json_t *o, bool added) {
  note(data, added ? '+' : '~', json_str(o, "metadata.name"));
}
static void on_gone(void *data, json_t *last) {
  note(data, '-', json_str(last, "metadata.name"));
}
static void on_trouble(void *data, const struct error *err) {
  struct world *w = data;
  if (err) w->trouble = *err;
  note(w, err ? '!' : '.', "");
}
static const struct kube_watch_handlers handlers = {
    .on_object = on_object, .on_gone = on_gone, .on_trouble = on_trouble};

static struct reply text(const char *body) {
  return (struct reply){.text = body, .then = REPLY_CLOSE};
}
static struct reply hold(const char *body) {
  return (struct reply){.text = body, .then = REPLY_HOLD};
}

static struct reply list(const char *version, const char *items) {
  static char all[8192];
  char body[4096];
  snprintf(body, sizeof body,
           "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"%s\"},\"items\":[%s]}", version, items);
  snprintf(all, sizeof all, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
  return (struct reply){.text = all};
}

static bool watches(const char *request, const char *version) {
  char words[64];
  snprintf(words, sizeof words, "resourceVersion=%s&", version);
  return strstr(request, "watch=1") && strstr(request, words);
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  buf_init(&w->told, 1 << 16);
  w->loop = loop_new();
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  kube_watch_free(w->w);
  if (w->k) w->k->base.ops->free(&w->k->base);
  loop_free(w->loop);
  buf_done(&w->told);
  kube_server_stop(&w->s);
  free(w);
  return 0;
}

static void open_server(struct world *w, reply_fn *reply) {
  struct runtime *rt = kube_server_open(&w->s, w->loop, reply);
  w->k = (struct kube *)rt;
}

static void begin(struct world *w, reply_fn *reply) {
  struct error err = ERROR_INIT;
  open_server(w, reply);
  if (kube_watch_begin(w->k, "/pods", "run-once/id=a b", "x=y", &handlers, w, &w->w, &err))
    fail_msg("%s", err.text);
}

/* Turns the loop until what was told is that, or fails. */
static void await(struct world *w, const char *told) {
  int64_t until = clock_ms() + 10000;
  while (strcmp(w->told.len ? w->told.data : "", told) != 0 && clock_ms() < until) loop_step(w->loop, 50);
  assert_string_equal(w->told.len ? w->told.data : "", told);
}
static void turn(struct world *w, int ms) {
  for (int64_t until = clock_ms() + ms; clock_ms() < until;) loop_step(w->loop, 20);
}

static struct reply in_order(const char *request, struct shared *shared) {
  (void)shared;
  if (!strstr(request, "watch=1")) return list("10", OBJECT("a", "3", "") "," OBJECT("b", "4", ""));
  if (watches(request, "10"))
    return text(STREAM EVENT("MODIFIED", OBJECT("a", "11", "")) EVENT("ADDED", OBJECT("c", "12", ""))
                    EVENT("DELETED", OBJECT("b", "13", "")) BOOKMARK("20"));
  if (watches(request, "20")) return text(STREAM "\n" EVENT("DELETED", OBJECT("c", "21", "")));
  if (watches(request, "21"))
    return hold(STREAM EVENT("UNHEARD-OF", OBJECT("z", "22", "")) EVENT("ADDED", OBJECT("d", "23", "")));
  return text("HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n");
}

static void bookmarks_and_ends_in_order(void **state) {
  struct world *w = *state;
  begin(w, in_order);
  await(w, "+a +b ~a +c -b -c +d");
  assert_non_null(
      strstr(w->s.shared->log[0], "GET /pods?labelSelector=run-once%2Fid%3Da%20b&fieldSelector=x%3Dy& "));
  assert_non_null(
      strstr(w->s.shared->log[1], "&watch=1&allowWatchBookmarks=true&resourceVersion=10&timeoutSeconds="));
  turn(w, 200);
  assert_int_equal(w->s.shared->requests, 4); /* no polling */
}

/* n[0]: lists so far. The second list lacks b, has a as it was, c changed, d new. */
static struct reply relist(const char *request, struct shared *shared, struct reply gone) {
  if (!strstr(request, "watch=1")) {
    if (!shared->n[0]++)
      return list("10", OBJECT("a", "1", "") "," OBJECT("b", "2", "") "," OBJECT("c", "3", ""));
    return list("30", OBJECT("a", "1", "") "," OBJECT("c", "25", "") "," OBJECT("d", "26", ""));
  }
  return watches(request, "30") ? hold(STREAM EVENT("ADDED", OBJECT("e", "31", ""))) : gone;
}
static struct reply gone_by_status(const char *request, struct shared *shared) {
  return relist(request, shared, text(GONE));
}
static struct reply gone_by_event(const char *request, struct shared *shared) {
  return relist(request, shared, hold(STREAM GONE_EVENT EVENT("ADDED", OBJECT("lost", "12", ""))));
}
static struct reply too_large(const char *request, struct shared *shared) {
  return relist(request, shared,
                hold(STREAM EVENT(
                    "ERROR", "{\"code\":504,\"reason\":\"Timeout\",\"message\":\"Timeout: Too large resource "
                             "version: 10, current: 9\"}")));
}
static struct reply too_large_by_status(const char *request, struct shared *shared) {
  return relist(request, shared,
                text("HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n\r\n{\"message\":\"Timeout: Too "
                     "large resource "
                     "version: 10, current: 9\"}"));
}

/* What has changed meanwhile is told, and nothing else, and no word of trouble. */
static void a_version_that_is_gone(void **state) {
  static reply_fn *const ways[] = {gone_by_status, gone_by_event, too_large, too_large_by_status};
  struct world *w = *state;
  for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
    begin(w, ways[i]);
    await(w, "+a +b +c -b ~c +d +e");
    assert_int_equal(w->s.shared->requests, 4);
    if (i + 1 == ARRAY_LEN(ways)) break;
    teardown(state);
    setup(state);
    w = *state;
  }
}

/* A server that says so for ever is not asked for ever in a hurry. */
static struct reply always_gone(const char *request, struct shared *shared) {
  (void)shared;
  return strstr(request, "watch=1") ? text(GONE) : list("10", OBJECT("a", "1", ""));
}
static struct reply always_ended(const char *request, struct shared *shared) {
  (void)shared;
  return strstr(request, "watch=1") ? text(STREAM) : list("10", OBJECT("a", "1", ""));
}
static void no_hot_loops(void **state) {
  struct world *w = *state;
  begin(w, always_gone);
  turn(w, 1500);
  assert_true(w->s.shared->requests < 16);
  await(w, "+a");
  teardown(state);
  setup(state);
  w = *state;
  begin(w, always_ended);
  turn(w, 1500);
  assert_true(w->s.shared->requests < 12);
  await(w, "+a");
}

/* n[0]: requests that fail before it is well again */
static struct reply shaky(const char *request, struct shared *shared) {
  if (!strstr(request, "watch=1")) return list("10", OBJECT("a", "1", ""));
  if (watches(request, "10"))
    return text(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5a\r\n" EVENT("ADDED", OBJECT("b", "11", "")));
  if (shared->n[0]++ < 2)
    return text("HTTP/1.1 503 no\r\nConnection: close\r\n\r\n{\"message\":\"apiserver is shutting down\"}");
  return hold(STREAM EVENT("ADDED", OBJECT("c", "12", "")));
}

/* The first cut is not worth a word, what follows is, once; then it is well again. */
static void contact_lost_and_regained(void **state) {
  struct world *w = *state;
  begin(w, shaky);
  await(w, "+a +b ! . +c");
  assert_string_equal(w->trouble.text, "watching failed: apiserver is shutting down");
}

static struct reply from_23(const char *request, struct shared *shared) {
  (void)shared;
  if (watches(request, "23")) return hold(STREAM EVENT("ADDED", OBJECT("e", "24", "")));
  return text("HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n");
}

/* The server's end is told with trouble; a new one on the same port is found. */
static void a_server_that_comes_back(void **state) {
  struct world *w = *state;
  begin(w, in_order);
  await(w, "+a +b ~a +c -b -c +d");
  buf_clear(&w->told);
  kill(w->s.pid, SIGKILL); /* and with it its children */
  waitpid(w->s.pid, NULL, 0);
  await(w, "!");
  assert_true(w->trouble.kind == ERR_UNREACHABLE || w->trouble.kind == ERR_LOST);
  assert_non_null(strstr(w->trouble.text, "http://test"));
  struct sockaddr_in sa = {.sin_family = AF_INET,
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                           .sin_port = htons((uint16_t)w->s.port)};
  w->s.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(w->s.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  for (int i = 0; bind(w->s.fd, (struct sockaddr *)&sa, sizeof sa); i++) {
    assert_true(i < 100); /* the children go, too */
    nap_ms(10);
  }
  assert_int_equal(listen(w->s.fd, 8), 0);
  w->s.reply = from_23;
  if (!(w->s.pid = fork())) kube_server_run(&w->s);
  close(w->s.fd);
  await(w, "! . +e");
}

static struct reply forbidden(const char *request, struct shared *shared) {
  (void)request, (void)shared;
  return text("HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n{\"message\":\"pods is forbidden\"}");
}
static void a_list_that_is_refused(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  open_server(w, forbidden);
  assert_int_equal(
      kube_watch_begin(w->k, "/api/v1/namespaces/shop/pods", NULL, NULL, &handlers, w, &w->w, &err), -1);
  assert_int_equal(err.kind, ERR_PERMISSION);
  assert_string_equal(err.text, "reading pods failed: pods is forbidden");
}

static struct reply garbage(const char *request, struct shared *shared) {
  if (!strstr(request, "watch=1")) return list(shared->n[0]++ ? "30" : "10", OBJECT("a", "1", ""));
  if (watches(request, "30")) return hold(STREAM EVENT("ADDED", OBJECT("b", "31", "")));
  static const char *const bad[] = {STREAM "hello\n", STREAM "[]\n", STREAM "{\"type\":\"ADDED\"}\n",
                                    STREAM "{\"type\":7,\"object\":{}}\n"};
  return hold(bad[(shared->n[1]++) % 4]);
}
static void what_is_no_event(void **state) {
  struct world *w = *state;
  begin(w, garbage);
  await(w, "+a +b");
}

/* Freed inside of each handler. */
static void freed_by_its_own_handler(void **state) {
  struct world *w = *state;
  begin(w, gone_by_event);
  w->free_at_once = true;
  await(w, "+a +b +c -b");
  turn(w, 100);
  await(w, "+a +b +c -b");
  teardown(state);
  setup(state);
  w = *state;
  begin(w, shaky);
  w->free_at_once = true;
  await(w, "+a +b");
  teardown(state);
  setup(state);
  w = *state;
  begin(w, in_order);
  kube_watch_free(TAKE(w->w));
  turn(w, 100);
  await(w, "+a +b");
}

/* Cut anywhere (every fifth byte): path /cut/N ends its first watch after N bytes, unexpectedly or in order
 * (/end/N). Whatever was cut comes again from the last version that was told. */
static const char EVENTS[] = EVENT("MODIFIED", OBJECT("a", "11", ",\"s\":\"\\\"}\\n\\u00e4{\""))
    BOOKMARK("12") EVENT("ADDED", OBJECT("b", "13", "")) EVENT("DELETED", OBJECT("a", "14", ""))
        EVENT("ADDED", OBJECT("c", "15", ""));

static struct reply cut(const char *request, struct shared *shared) {
  static char all[4096];
  size_t at = (size_t)atoi(request + sizeof "GET /cut/" - 1), from = 0;
  const char *version = strstr(request, "&resourceVersion=");
  bool hard = request[5] == 'c';
  if (!version) return list("10", OBJECT("a", "3", ""));
  int seen = atoi(version + 17);
  for (const char *p = EVENTS; (p = strstr(p, "resourceVersion\":\"")); p++)
    if (atoi(p + 18) <= seen) from = (size_t)(strchr(strstr(p, "}\n"), '\n') + 1 - EVENTS);
  if (!shared->seen[at + (hard ? 0 : 1024)]++) {
    int n = snprintf(all, sizeof all, "HTTP/1.1 200 OK\r\n%s\r\n\r\n%s%.*s",
                     hard ? "Transfer-Encoding: chunked" : "Connection: close", hard ? "fff\r\n" : "",
                     (int)at, EVENTS);
    return (struct reply){.text = all, .n = (size_t)n, .then = REPLY_CLOSE};
  }
  snprintf(all, sizeof all, STREAM "%s", EVENTS + from);
  return hold(all);
}

#define AT_ONCE 60
#define STEP 5
static void cut_in_pieces(struct world *w, const char *way, size_t from) {
  for (size_t first = from; first < sizeof EVENTS; first += AT_ONCE * STEP) {
    struct world cuts[AT_ONCE];
    struct kube_watch *all[AT_ONCE] = {0};
    for (size_t i = 0; i < AT_ONCE && first + i * STEP < sizeof EVENTS; i++) {
      struct error err = ERROR_INIT;
      CLEANUP_FREE char *path = xprintf("/%s/%zu", way, first + i * STEP);
      memset(&cuts[i], 0, sizeof cuts[i]);
      buf_init(&cuts[i].told, 4096);
      if (kube_watch_begin(w->k, path, NULL, NULL, &handlers, &cuts[i], &all[i], &err))
        fail_msg("%s", err.text);
    }
    int64_t until = clock_ms() + 10000;
    for (size_t i = 0; i < AT_ONCE && all[i]; i++) {
      static const char want[] = "+a ~a +b -a +c";
      while (strcmp(cuts[i].told.data, want) != 0 && clock_ms() < until) loop_step(w->loop, 50);
      if (strcmp(cuts[i].told.data, want) != 0)
        fail_msg("/%s/%zu: %s", way, first + i * STEP, cuts[i].told.data);
    }
    for (size_t i = 0; i < AT_ONCE && all[i]; i++) {
      kube_watch_free(all[i]);
      buf_done(&cuts[i].told);
    }
  }
}

static void cut_anywhere(void **state) {
  struct world *w = *state;
  open_server(w, cut);
  cut_in_pieces(w, "cut", 0);
  cut_in_pieces(w, "end", 2);
}

/* Credentials that are refused while watching are fetched anew, without a word. */
static struct reply wants_new(const char *request, struct shared *shared) {
  if (!strstr(request, "watch=1")) return list("10", OBJECT("a", "1", ""));
  if (shared->n[0]++ == 0) return text("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n{}");
  return hold(STREAM EVENT("ADDED", OBJECT("b", "11", "")));
}
static void refused_while_watching(void **state) {
  struct world *w = *state;
  char command[128];
  struct runtime *rt;
  struct error err = ERROR_INIT;
  w->s.tls = true;
  open_server(w, wants_new);
  w->k->base.ops->free(&w->k->base);
  w->k = NULL;
  snprintf(command, sizeof command,
           "echo >>%s/runs; echo "
           "'{\"apiVersion\":\"v\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'",
           w->s.dir);
  CLEANUP_JSON json_t *context = json_pack("{s:s,s:{s:s,s:s,s:[s,s]}}", "namespace", "shop", "exec",
                                           "apiVersion", "v", "command", "/bin/sh", "args", "-c", command);
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = (char *)"https://test",
                        .host = (char *)"127.0.0.1",
                        .port = w->s.port,
                        .tls = true,
                        .verify = true,
                        .ca = w->s.cert,
                        .context = context};
  assert_int_equal(kubernetes_open(w->loop, &ep, &rt, &err), 0);
  w->k = (struct kube *)rt;
  assert_int_equal(kube_watch_begin(w->k, "/pods", NULL, NULL, &handlers, w, &w->w, &err), 0);
  await(w, "+a +b");
  CLEANUP_FREE char *runs = xprintf("%s/runs", w->s.dir);
  FILE *f = fopen(runs, "r");
  int lines = 0;
  for (int c; (c = getc(f)) != EOF;) lines += c == '\n';
  fclose(f);
  assert_int_equal(lines, 2);
}

#define WATCH_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      WATCH_TEST(bookmarks_and_ends_in_order),
      WATCH_TEST(a_version_that_is_gone),
      WATCH_TEST(no_hot_loops),
      WATCH_TEST(contact_lost_and_regained),
      WATCH_TEST(a_server_that_comes_back),
      WATCH_TEST(a_list_that_is_refused),
      WATCH_TEST(what_is_no_event),
      WATCH_TEST(freed_by_its_own_handler),
      WATCH_TEST(cut_anywhere),
      WATCH_TEST(refused_while_watching),
  };
  signal(SIGPIPE, SIG_IGN); /* as io/signals.h does */
  return RUN_TESTS(tests);
}
