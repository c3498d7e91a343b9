/* An API server that says what a test wants it to say, on loopback, with or without TLS, over connections
 * that stay open. Every connection is a process; all share a log of the requests. */
#ifndef UNIT_KUBE_SERVER_H
#define UNIT_KUBE_SERVER_H
#include "certificate.h"
#include "data/json.h"
#include "runtime/registry.h"
#include "server.h"
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

struct reply {
  const char *text; /* all bytes; NULL: nothing */
  enum { REPLY_KEEP, REPLY_CLOSE, REPLY_HOLD } then;
  size_t n; /* of the text; 0: a string */
};
struct shared {
  volatile int connections, requests, n[9]; /* n, seen: the test's own */
  volatile char seen[2048];
  char log[256][1024]; /* heads of the requests, as they came */
};
typedef struct reply reply_fn(const char *request, struct shared *shared);
struct peer;
/* For answers that are no text (a connection that is taken over): true, and it is closed behind it. */
typedef bool raw_fn(struct peer *p, const char *request, struct shared *shared);

struct kube_server {
  char dir[32], cert[64], key[64]; /* a certificate for localhost and 127.0.0.1, its own authority */
  int port, fd;
  pid_t pid;
  bool tls, wants_certificate;
  reply_fn *reply;
  raw_fn *raw; /* asked first; NULL: none */
  struct shared *shared;
};
struct peer {
  int fd;
  SSL *ssl;
};

static inline ssize_t peer_read(struct peer *p, char *buf, size_t n) {
  return p->ssl ? SSL_read(p->ssl, buf, (int)n) : read(p->fd, buf, n);
}

static inline bool peer_write(struct peer *p, const char *text, size_t n) {
  while (n) {
    ssize_t k = p->ssl ? SSL_write(p->ssl, text, (int)n) : send(p->fd, text, n, MSG_NOSIGNAL);
    if (k <= 0) return false;
    text += k;
    n -= (size_t)k;
  }
  return true;
}

/* One request, head and body; false: the peer has gone. */
static inline bool peer_request(struct peer *p, char *buf, size_t size) {
  size_t n = 0;
  for (;;) {
    buf[n] = '\0';
    char *end = strstr(buf, "\r\n\r\n"), *len = strstr(buf, "Content-Length: ");
    if (end && n >= (size_t)(end + 4 - buf) + (len && len < end ? strtoul(len + 16, NULL, 10) : 0))
      return true;
    ssize_t k = n + 1 < size ? peer_read(p, buf + n, size - 1 - n) : 0;
    if (k <= 0) return false;
    n += (size_t)k;
  }
}

static inline void kube_serve(struct kube_server *s, struct peer *p) {
  static char request[1 << 16];
  while (peer_request(p, request, sizeof request)) {
    int i = __sync_fetch_and_add(&s->shared->requests, 1);
    if (i < 256) memcpy(s->shared->log[i], request, strnlen(request, sizeof s->shared->log[0] - 1));
    if (s->raw && s->raw(p, request, s->shared)) return;
    struct reply r = s->reply(request, s->shared);
    if (r.text && !peer_write(p, r.text, r.n ? r.n : strlen(r.text))) return;
    if (r.then == REPLY_HOLD) pause();
    if (r.then == REPLY_CLOSE) return;
  }
}

static inline SSL_CTX *kube_server_tls(const struct kube_server *s) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate_file(ctx, s->cert, SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM);
  SSL_CTX_load_verify_locations(ctx, s->cert, NULL);
  if (s->wants_certificate) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  return ctx;
}

static inline void kube_server_run(struct kube_server *s) {
  SSL_CTX *ctx = s->tls ? kube_server_tls(s) : NULL;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    struct peer p = {.fd = accept(s->fd, NULL, NULL)};
    if (p.fd < 0) _exit(1);
    __sync_fetch_and_add(&s->shared->connections, 1);
    if (fork()) {
      close(p.fd);
      continue;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(s->fd);
    if (s->tls) {
      p.ssl = SSL_new(ctx);
      SSL_set_fd(p.ssl, p.fd);
      if (SSL_accept(p.ssl) != 1) _exit(0);
    }
    kube_serve(s, &p);
    if (p.ssl) SSL_shutdown(p.ssl);
    _exit(0);
  }
}

/* Zeroed but for what the test wants: tls, wants_certificate, reply. */
static inline void kube_server_start(struct kube_server *s) {
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  snprintf(s->dir, sizeof s->dir, "/tmp/run-once-unit-XXXXXX");
  if (!mkdtemp(s->dir)) abort();
  snprintf(s->cert, sizeof s->cert, "%s/cert.pem", s->dir);
  snprintf(s->key, sizeof s->key, "%s/key.pem", s->dir);
  if (write_certificate("DNS:k.example,DNS:localhost,IP:127.0.0.1", s->cert, s->key)) abort();
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(s->fd, (struct sockaddr *)&sa, len) || listen(s->fd, 64)) abort();
  getsockname(s->fd, (struct sockaddr *)&sa, &len);
  s->port = ntohs(sa.sin_port);
  s->shared = mmap(NULL, sizeof *s->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!(s->pid = fork())) kube_server_run(s);
  close(s->fd);
}

static inline void kube_server_stop(struct kube_server *s) {
  char command[64];
  kill(s->pid, SIGKILL);
  waitpid(s->pid, NULL, 0);
  munmap((void *)s->shared, sizeof *s->shared);
  snprintf(command, sizeof command, "rm -r %s", s->dir);
  if (system(command)) abort();
}
/* Starts it and opens a runtime on it, without TLS, in namespace "shop". */
static inline struct runtime *kube_server_open(struct kube_server *s, struct loop *loop, reply_fn *reply) {
  struct runtime *rt;
  s->reply = reply;
  kube_server_start(s);
  CLEANUP_JSON json_t *context = json_pack("{s:s}", "namespace", "shop");
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = (char *)"http://test",
                        .host = (char *)"127.0.0.1",
                        .port = s->port,
                        .context = context};
  assert_int_equal(kubernetes_open(loop, &ep, &rt, NULL), 0);
  return rt;
}
#endif
