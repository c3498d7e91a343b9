/* A client's second connection takes up the first one's session; nobody else's does. The server answers each
 * request with how the connection began and whose certificate it was shown: "full alice", "resumed -". */
#include "base/alloc.h"
#include "base/fd.h"
#include "certificate.h"
#include "descriptors.h"
#include "net/easy.h"
#include "net/http.h"
#include "net/tls_shared.h"
#include "server.h"
#include <arpa/inet.h>
#include <openssl/ssl.h>

struct shared {
  volatile bool other_keys; /* each connection meets a server that has forgotten the tickets' keys */
  volatile bool only_12;    /* TLS 1.2: libcurl asks for no ticket */
};

struct world {
  char dir[64];
  int port;
  pid_t pid;
  struct shared *shared;
  struct loop *loop;
};

/* Its files: server.pem, server.key, ... */
static void make(const struct world *w, const char *who, const char *names) {
  CLEANUP_FREE char *cert = xprintf("%s/%s.pem", w->dir, who), *key = xprintf("%s/%s.key", w->dir, who);
  assert_int_equal(write_certificate_of(who, names, cert, key), 0);
}

static char *text_of(const struct world *w, const char *who, const char *kind) {
  CLEANUP_FREE char *path = xprintf("%s/%s.%s", w->dir, who, kind);
  struct buf text;
  assert_int_equal(file_read(path, 65536, &text, NULL), 0);
  char *s = buf_take(&text);
  buf_done(&text);
  return s;
}

static int any_certificate(int ok, X509_STORE_CTX *ctx) {
  (void)ok, (void)ctx;
  return 1;
}

static SSL_CTX *server_context(const struct world *w) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  CLEANUP_FREE char *cert = xprintf("%s/server.pem", w->dir), *key = xprintf("%s/server.key", w->dir);
  SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM);
  SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, any_certificate);
  return ctx;
}

static void serve(SSL *ssl) {
  char req[8192], body[128], answer[512], cn[64] = "-";
  X509 *peer = SSL_get1_peer_certificate(ssl);
  if (peer) X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, cn, sizeof cn);
  for (int n = 0, k; (k = SSL_read(ssl, req + n, (int)sizeof req - 1 - n)) > 0;) {
    req[n += k] = '\0';
    if (!strstr(req, "\r\n\r\n")) continue;
    bool kept = strstr(req, "/kept ");
    snprintf(body, sizeof body, "%s %s", SSL_session_reused(ssl) ? "resumed" : "full", cn);
    SSL_write(ssl, answer,
              snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n%s",
                       kept ? "" : "Connection: close\r\n", strlen(body), body));
    n = 0;
    if (!kept) break;
  }
  SSL_shutdown(ssl);
}

static void server_main(struct world *w, int fd) {
  SSL_CTX *ctx = server_context(w);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int c = accept(fd, NULL, NULL);
    if (c < 0 || fork()) {
      close(c);
      continue;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (w->shared->other_keys) ctx = server_context(w);
    if (w->shared->only_12) SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, c);
    if (SSL_accept(ssl) == 1) serve(ssl);
    _exit(0);
  }
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(w->dir, sizeof w->dir, "/tmp/run-once-unit-XXXXXX");
  if (!mkdtemp(w->dir) || bind(fd, (struct sockaddr *)&sa, len) || listen(fd, 8)) return -1;
  make(w, "server", "IP:127.0.0.1,DNS:cluster.test");
  make(w, "stranger", "IP:127.0.0.1");
  make(w, "alice", "DNS:alice");
  make(w, "bob", "DNS:bob");
  getsockname(fd, (struct sockaddr *)&sa, &len);
  w->port = ntohs(sa.sin_port);
  w->shared = mmap(NULL, sizeof *w->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!(w->pid = fork())) server_main(w, fd);
  close(fd);
  w->loop = loop_new();
  *state = w;
  return 0;
}

static int teardown(void **state) {
  static const char *const who[] = {"server", "stranger", "alice", "bob"};
  struct world *w = *state;
  loop_free(w->loop);
  kill(w->pid, SIGKILL);
  waitpid(w->pid, NULL, 0);
  for (size_t i = 0; i < sizeof who / sizeof *who; i++) {
    CLEANUP_FREE char *cert = xprintf("%s/%s.pem", w->dir, who[i]),
                      *key = xprintf("%s/%s.key", w->dir, who[i]);
    unlink(cert), unlink(key);
  }
  rmdir(w->dir);
  munmap(w->shared, sizeof *w->shared);
  free(w);
  return 0;
}

/* Who is trusted, and who we are (NULL: nobody). */
static struct endpoint endpoint(const struct world *w, const char *authority, const char *we) {
  struct endpoint ep;
  CLEANUP_FREE char *text = xprintf("tcp://127.0.0.1:%d", w->port);
  assert_int_equal(endpoint_parse(text, "test", &ep, NULL), 0);
  ep.tls = ep.verify = true;
  ep.ca_data = text_of(w, authority, "pem");
  if (we) ep.cert_data = text_of(w, we, "pem"), ep.key_data = text_of(w, we, "key");
  return ep;
}

static struct http_client *client(const struct world *w, const char *authority, const char *we) {
  struct endpoint ep = endpoint(w, authority, we);
  struct http_client *c = http_client_new(w->loop, &ep, NULL);
  endpoint_done(&ep);
  return c;
}

static void answers(struct http_client *c, const char *path, const char *expected) {
  struct http_request req = {.method = "GET", .path = path, .timeout_ms = 10000};
  struct http_response r;
  struct error err = ERROR_INIT;
  if (http_call(c, &req, &r, &err)) fail_msg("%s", err.text);
  assert_string_equal(r.body.data, expected);
  http_response_done(&r);
}

static void refuses(struct http_client *c, const char *path) {
  struct http_request req = {.method = "GET", .path = path, .timeout_ms = 10000};
  struct http_response r;
  struct error err = ERROR_INIT;
  assert_int_equal(http_call(c, &req, &r, &err), -1);
  assert_int_equal(err.kind, ERR_UNREACHABLE);
  assert_non_null(strstr(err.text, "certificate"));
}

static void the_second_connection_takes_up_the_first(void **state) {
  struct world *w = *state;
  struct http_client *c = client(w, "server", NULL);
  answers(c, "/", "full -");
  for (int i = 0; i < 3; i++) answers(c, "/", "resumed -");
  http_client_free(c);
}

static void another_client_begins_anew(void **state) {
  struct world *w = *state;
  struct http_client *c = client(w, "server", "alice"), *same = client(w, "server", "alice"),
                     *bob = client(w, "server", "bob"), *nobody = client(w, "server", NULL);
  answers(c, "/", "full alice");
  answers(c, "/", "resumed alice");
  answers(same, "/", "full alice");
  answers(bob, "/", "full bob");
  answers(nobody, "/", "full -");
  answers(bob, "/", "resumed bob");
  answers(c, "/", "resumed alice");
  http_client_free(c), http_client_free(same), http_client_free(bob), http_client_free(nobody);
}

static void another_certificate_begins_anew(void **state) {
  struct world *w = *state;
  struct http_client *c = client(w, "server", NULL);
  CLEANUP_FREE char *cert = text_of(w, "alice", "pem"), *key = text_of(w, "alice", "key");
  CLEANUP_FREE char *next = text_of(w, "bob", "pem"), *next_key = text_of(w, "bob", "key");
  answers(c, "/kept", "full -");
  http_client_certificate(c, cert, key); /* a plugin's */
  answers(c, "/", "full alice");
  answers(c, "/", "resumed alice");
  http_client_certificate(c, next, next_key);
  answers(c, "/", "full bob");
  answers(c, "/", "resumed bob");
  http_client_free(c);
}

/* Neither a session nor a connection that is kept is another authority's. */
static void who_is_not_trusted_is_refused(void **state) {
  struct world *w = *state;
  struct http_client *c = client(w, "server", NULL), *other = client(w, "stranger", NULL);
  answers(c, "/", "full -");
  refuses(other, "/");
  answers(c, "/kept", "resumed -");
  refuses(other, "/kept");
  answers(c, "/kept", "resumed -");
  http_client_free(c), http_client_free(other);
}

static void the_name_is_looked_at_each_time(void **state) {
  struct world *w = *state;
  struct endpoint ep = endpoint(w, "server", NULL), wrong = endpoint(w, "server", NULL);
  ep.server_name = xstrdup("cluster.test");
  wrong.server_name = xstrdup("another.test");
  struct http_client *c = http_client_new(w->loop, &ep, NULL),
                     *other = http_client_new(w->loop, &wrong, NULL);
  answers(c, "/", "full -");
  answers(c, "/", "resumed -");
  refuses(other, "/");
  refuses(other, "/");
  answers(c, "/kept", "resumed -");
  refuses(other, "/kept");
  endpoint_done(&ep), endpoint_done(&wrong);
  http_client_free(c), http_client_free(other);
}

static void a_server_that_forgot_gets_a_whole_handshake(void **state) {
  struct world *w = *state;
  struct http_client *c = client(w, "server", "alice");
  answers(c, "/", "full alice");
  w->shared->other_keys = true;
  answers(c, "/", "full alice");
  answers(c, "/", "full alice");
  w->shared->only_12 = true;
  answers(c, "/", "full alice");
  answers(c, "/", "full alice");
  http_client_free(c);
}

/* A file may hold another certificate by then. */
static void a_certificate_in_a_file_is_read_each_time(void **state) {
  struct world *w = *state;
  struct endpoint ep = endpoint(w, "server", NULL);
  ep.cert = xprintf("%s/alice.pem", w->dir);
  ep.key = xprintf("%s/alice.key", w->dir);
  struct http_client *c = http_client_new(w->loop, &ep, NULL);
  answers(c, "/", "full alice");
  answers(c, "/", "full alice");
  CLEANUP_FREE char *from = xprintf("%s/bob.pem", w->dir), *from_key = xprintf("%s/bob.key", w->dir);
  assert_int_equal(rename(from, ep.cert) | rename(from_key, ep.key), 0);
  answers(c, "/", "full bob");
  endpoint_done(&ep);
  http_client_free(c);
}

static void a_proxy_never_meets_our_authorities(void **state) {
  struct world *w = *state;
  struct endpoint ep = endpoint(w, "server", NULL);
  CURL *e = curl_easy_init();
  struct tls_shared *s = tls_shared_new(&ep);
  assert_true(tls_shared_apply(s, e));
  curl_easy_cleanup(e);
  tls_shared_free(s);
  ep.proxy = xstrdup("https://proxy.test:3128");
  e = curl_easy_init();
  s = tls_shared_new(&ep);
  assert_false(tls_shared_apply(s, e));
  curl_easy_cleanup(e);
  tls_shared_free(s);
  endpoint_done(&ep);
}

/* libcurl says what is wrong with them. */
static void authorities_that_are_none(void **state) {
  struct world *w = *state;
  struct endpoint ep = endpoint(w, "server", NULL);
  free(ep.ca_data);
  ep.ca_data = xstrdup("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  struct http_client *c = http_client_new(w->loop, &ep, NULL);
  refuses(c, "/");
  endpoint_done(&ep);
  http_client_free(c);
}

/* What OpenSSL can do in a process of its own, begun as ours or as it likes. */
static void ciphers_of(bool ours, char *ret, size_t size) {
  int ends[2];
  size_t n = 0;
  ssize_t k;
  assert_int_equal(pipe(ends), 0);
  pid_t pid = fork();
  if (!pid) {
    struct endpoint ep = {.scheme = ENDPOINT_TCP, .tls = true};
    if (ours) easy_global(&ep);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
    STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ctx);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
      dprintf(ends[1], "%s ", SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i)));
    _exit(0);
  }
  close(ends[1]);
  while (n + 1 < size && (k = read(ends[0], ret + n, size - n - 1)) > 0) n += (size_t)k;
  ret[n] = '\0';
  close(ends[0]);
  waitpid(pid, NULL, 0);
}

static void no_cipher_is_missing(void **state) {
  static char usual[16384], ours[16384];
  (void)state;
  ciphers_of(false, usual, sizeof usual);
  ciphers_of(true, ours, sizeof ours);
  assert_non_null(strstr(usual, "TLS_AES_256_GCM_SHA384 "));
  assert_string_equal(ours, usual);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_cipher_is_missing), /* first: nothing of OpenSSL has begun */
      TLS_TEST(the_second_connection_takes_up_the_first),
      TLS_TEST(another_client_begins_anew),
      TLS_TEST(another_certificate_begins_anew),
      TLS_TEST(who_is_not_trusted_is_refused),
      TLS_TEST(the_name_is_looked_at_each_time),
      TLS_TEST(a_server_that_forgot_gets_a_whole_handshake),
      TLS_TEST(a_certificate_in_a_file_is_read_each_time),
      TLS_TEST(a_proxy_never_meets_our_authorities),
      TLS_TEST(authorities_that_are_none),
  };
  signal(SIGPIPE, SIG_IGN); /* as io/signals.h does */
  return RUN_TESTS(tests);
}
