/* An engine behind TLS on loopback: requests, the upgraded stream, the half-close (close_notify, reading goes
 * on), a stream cut without one. */
#include "base/alloc.h"
#include "base/clock.h"
#include "certificate.h"
#include "descriptors.h"
#include "net/upgrade.h"
#include "server.h"
#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define HEAD "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
#define INPUT (4u << 20)
#define FLOOD 100000 /* several records: more than one read of ours */

struct world {
  char dir[64], cert[80], key[80];
  int port;
  pid_t pid;
  struct loop *loop;
  struct upgrade *u;
  char got[64];
  size_t n;
  int ends, writable;
  bool bad;
};

static void serve_input(SSL *ssl) {
  static char buf[65536];
  char text[64];
  size_t total = 0;
  int n;
  nap_ms(2000); /* the connection fills up, also under valgrind */
  while ((n = SSL_read(ssl, buf, sizeof buf)) > 0) total += (size_t)n;
  bool in_order = SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN; /* close_notify, no cut */
  nap_ms(50);
  SSL_write(ssl, text, snprintf(text, sizeof text, "%zu %s", total, in_order ? "in order" : "cut"));
  SSL_shutdown(ssl);
}

static void serve(SSL *ssl) {
  static char req[8192], flood[FLOOD];
  for (int n = 0, k; (k = SSL_read(ssl, req + n, (int)sizeof req - 1 - n)) > 0;) {
    n += k;
    if (!strstr(req, "\r\n\r\n")) continue;
    if (strstr(req, "/plain ")) {
      static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      SSL_write(ssl, answer, sizeof answer - 1);
      memset(req, 0, sizeof req);
      n = 0;
    } else if (strstr(req, "/base/input ")) {
      SSL_write(ssl, HEAD, sizeof HEAD - 1);
      serve_input(ssl);
      return;
    } else if (strstr(req, "/flood ") || strstr(req, "/cut ")) {
      SSL_write(ssl, HEAD "early", sizeof HEAD - 1 + 5); /* one record */
      SSL_write(ssl, flood, FLOOD);
      if (strstr(req, "/flood ")) SSL_shutdown(ssl);
      return;
    }
  }
}

static void server_main(struct world *w, int fd) {
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  SSL_CTX_use_certificate_file(ctx, w->cert, SSL_FILETYPE_PEM);
  SSL_CTX_use_PrivateKey_file(ctx, w->key, SSL_FILETYPE_PEM);
  SSL_CTX_load_verify_locations(ctx, w->cert, NULL);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  for (;;) {
    int c = accept(fd, NULL, NULL);
    if (c < 0 || fork()) {
      close(c);
      continue;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
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
  if (!mkdtemp(w->dir)) return -1;
  snprintf(w->cert, sizeof w->cert, "%s/cert.pem", w->dir);
  snprintf(w->key, sizeof w->key, "%s/key.pem", w->dir);
  if (write_certificate("IP:127.0.0.1", w->cert, w->key) || bind(fd, (struct sockaddr *)&sa, len) ||
      listen(fd, 8))
    return -1;
  getsockname(fd, (struct sockaddr *)&sa, &len);
  w->port = ntohs(sa.sin_port);
  if (!(w->pid = fork())) server_main(w, fd);
  close(fd);
  w->loop = loop_new();
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  upgrade_free(w->u);
  loop_free(w->loop);
  kill(w->pid, SIGKILL);
  waitpid(w->pid, NULL, 0);
  unlink(w->cert), unlink(w->key), rmdir(w->dir);
  free(w);
  return 0;
}

/* with: c = our certificate to show, a = the authority to trust, v = verify */
static struct http_client *client(struct world *w, const char *base, const char *with) {
  struct endpoint ep;
  CLEANUP_FREE char *text = xprintf("tcp://127.0.0.1:%d%s", w->port, base);
  assert_int_equal(endpoint_parse(text, "test", &ep, NULL), 0);
  ep.tls = true;
  ep.verify = strchr(with, 'v') != NULL;
  if (strchr(with, 'a')) ep.ca = xstrdup(w->cert);
  if (strchr(with, 'c')) {
    ep.cert = xstrdup(w->cert);
    ep.key = xstrdup(w->key);
  }
  struct http_client *c = http_client_new(w->loop, &ep, NULL);
  endpoint_done(&ep);
  return c;
}

static int get(struct world *w, const char *with, struct error *err) {
  struct http_client *c = client(w, "", with);
  struct http_request req = {.method = "GET", .path = "/plain", .timeout_ms = 5000};
  struct http_response r;
  int rc = http_call(c, &req, &r, err);
  if (!rc) {
    assert_string_equal(r.body.data, "ok");
    http_response_done(&r);
  }
  http_client_free(c);
  return rc;
}

static void who_is_trusted(void **state) {
  struct world *w = *state;
  struct error err = ERROR_INIT;
  assert_int_equal(get(w, "cav", &err), 0);
  assert_int_equal(get(w, "c", &err), 0); /* DOCKER_TLS: not verified */
  assert_int_equal(get(w, "cv", &err), -1);
  assert_int_equal(err.kind, ERR_UNREACHABLE);
  assert_non_null(strstr(err.text, "cannot reach the engine at tcp://127.0.0.1:"));
  assert_non_null(strstr(err.text, "certificate"));
  assert_int_equal(get(w, "av", &err), -1); /* the server wants a certificate of ours */
}

static void on_data(void *data, const char *p, size_t n) {
  struct world *w = data;
  if (w->n + n < sizeof w->got) memcpy(w->got + w->n, p, n);
  w->n += n;
}

static void on_end(void *data, const struct error *err) {
  struct world *w = data;
  w->ends++;
  w->bad = err != NULL;
}

static void on_writable(void *data) {
  ((struct world *)data)->writable++;
}

static const struct upgrade_handlers HANDLERS = {
    .on_data = on_data, .on_end = on_end, .on_writable = on_writable};

static struct http_client *open_at(struct world *w, const char *base, const char *path) {
  struct http_client *c = client(w, base, "cav");
  struct error err = ERROR_INIT;
  if (upgrade_open(c, path, &HANDLERS, w, &w->u, &err)) fail_msg("%s", err.text);
  return c;
}

static void run_to_end(struct world *w) {
  for (int64_t begun = clock_ms(); !w->ends && clock_ms() - begun < 10000;) loop_step(w->loop, 1000);
  assert_int_equal(w->ends, 1);
}

static void end_input(struct world *w) {
  int rc;
  while ((rc = upgrade_half_close(w->u)) == 1)
    for (int before = w->writable; w->writable == before;) loop_step(w->loop, 1000);
  assert_int_equal(rc, 0);
}

static void input_is_whole_and_its_end_is_in_order(void **state) {
  struct world *w = *state;
  static char input[INPUT];
  struct http_client *c = open_at(w, "/base", "/input");
  size_t at = 0;
  int full = 0;
  while (at < INPUT) {
    ssize_t k = upgrade_send(w->u, input + at, INPUT - at);
    assert_true(k >= 0);
    at += (size_t)k;
    if (k) continue;
    full++;
    for (int before = w->writable; w->writable == before;) loop_step(w->loop, 1000);
  }
  assert_true(full > 0);
  end_input(w);
  run_to_end(w);
  assert_string_equal(w->got, "4194304 in order");
  assert_false(w->bad);
  http_client_free(c);
}

/* A record that has not left would be lost with us. */
static void the_end_waits_for_the_last_record(void **state) {
  struct world *w = *state;
  static char input[INPUT];
  char want[64];
  struct http_client *c = open_at(w, "/base", "/input");
  size_t at = 0;
  for (ssize_t k; (k = upgrade_send(w->u, input, INPUT)) > 0; at += (size_t)k) {
  }
  assert_int_equal(upgrade_half_close(w->u), 1);
  end_input(w);
  run_to_end(w);
  snprintf(want, sizeof want, "%zu in order", at);
  assert_string_equal(w->got, want);
  http_client_free(c);
}

static void bytes_inside_of_the_tls_layer_are_not_forgotten(void **state) {
  struct world *w = *state;
  struct http_client *c = open_at(w, "", "/flood");
  run_to_end(w);
  assert_int_equal(w->n, FLOOD + 5);
  assert_memory_equal(w->got, "early", 5);
  assert_false(w->bad);
  http_client_free(c);
}

static void a_pause_holds_them_back_too(void **state) {
  struct world *w = *state;
  struct http_client *c = open_at(w, "", "/flood");
  upgrade_pause(w->u, true);
  for (int i = 0; i < 3; i++) loop_step(w->loop, 20);
  assert_int_equal(w->n, 0);
  upgrade_pause(w->u, false);
  run_to_end(w);
  assert_int_equal(w->n, FLOOD + 5);
  http_client_free(c);
}

static void a_cut_is_no_end(void **state) {
  struct world *w = *state;
  struct http_client *c = open_at(w, "", "/cut");
  run_to_end(w);
  assert_int_equal(w->n, FLOOD + 5);
  assert_true(w->bad);
  http_client_free(c);
}

#define TLS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      TLS_TEST(who_is_trusted),
      TLS_TEST(input_is_whole_and_its_end_is_in_order),
      TLS_TEST(the_end_waits_for_the_last_record),
      TLS_TEST(bytes_inside_of_the_tls_layer_are_not_forgotten),
      TLS_TEST(a_pause_holds_them_back_too),
      TLS_TEST(a_cut_is_no_end),
  };
  signal(SIGPIPE, SIG_IGN); /* as io/signals.h does */
  return RUN_TESTS(tests);
}
