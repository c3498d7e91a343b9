/* Who we are to a cluster, and whom we believe: tokens, their files, plugins, certificates, names, proxies.
 */
#include "kube_client.h"
#include <poll.h>
#include <sys/stat.h>

/* Credentials */

static void a_token_goes_over_tls_only(void **state) {
  struct world *w = *state;
  json_object_set_new(w->context, "token", json_string("sesame"));
  json_object_set_new(w->context, "impersonate",
                      json_pack("{s:s,s:s,s:[s,s],s:{s:[s]}}", "user", "boss", "uid", "7", "groups", "g", "h",
                                "extra", "a/b c", "x"));
  begin(w, plain);
  assert_int_equal(get(w), 0);
  assert_true(sent(w, 0, "Authorization: Bearer sesame\r\n"));
  assert_true(sent(w, 0, "Impersonate-User: boss\r\n") && sent(w, 0, "Impersonate-Uid: 7\r\n"));
  assert_true(sent(w, 0, "Impersonate-Group: g\r\n") && sent(w, 0, "Impersonate-Group: h\r\n"));
  assert_true(sent(w, 0, "Impersonate-Extra-a%2Fb%20c: x\r\n"));
}

static void nothing_is_told_without_tls(void **state) {
  struct world *w = *state;
  w->s.tls = false;
  json_object_set_new(w->context, "token", json_string("sesame"));
  json_object_set_new(w->context, "impersonate", json_pack("{s:s}", "user", "boss"));
  json_object_set_new(w->context, "exec", json_pack("{s:s,s:s}", "apiVersion", "x", "command", "/nix"));
  begin(w, plain);
  assert_int_equal(get(w), 0);
  assert_false(sent(w, 0, "Authorization") || sent(w, 0, "Impersonate"));
}

static void write_file(struct world *w, const char *name, const char *text) {
  CLEANUP_FREE char *path = xprintf("%s/%s", w->s.dir, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  chmod(path, 0700);
}

/* Takes "Bearer new" only. */
static struct reply wants_new(const char *request, struct shared *shared) {
  (void)shared;
  if (strstr(request, "Authorization: Bearer new\r\n")) return good("{}");
  return (struct reply){.text = STATUS("401 Unauthorized", "", "{\"message\":\"Unauthorized\"}"),
                        .then = REPLY_CLOSE};
}

static void a_refused_token_file_is_read_again(void **state) {
  struct world *w = *state;
  char dir[] = "/tmp/run-once-unit-XXXXXX";
  assert_non_null(mkdtemp(dir));
  CLEANUP_FREE char *path = xprintf("%s/token", dir);
  json_object_set_new(w->context, "token_file", json_string(path));
  begin(w, wants_new);
  assert_int_equal(get(w), -1);
  said(w, "looking failed: token file: ");
  said(w, "No such file or directory");
  FILE *f = fopen(path, "w");
  fputs(" old\n", f), fflush(f);
  assert_int_equal(get(w), -1);
  said(w, "looking failed: Unauthorized: the API server does not accept the credentials");
  assert_int_equal(w->s.shared->requests, 1); /* the file says the same: not sent again */
  assert_int_equal(ftruncate(fileno(f), 0), 0);
  rewind(f);
  fputs("new\n", f), fflush(f);
  assert_int_equal(post(w), 0); /* also one that changes: nothing was done */
  assert_int_equal(w->s.shared->requests, 3);
  assert_int_equal(ftruncate(fileno(f), 0), 0);
  rewind(f);
  fputs("two words\n", f), fflush(f);
  assert_int_equal(get(w), 0); /* fresh enough: not read */
  fclose(f);
  unlink(path), rmdir(dir);
}

static void a_refused_token_is_refused_once(void **state) {
  struct world *w = *state;
  json_object_set_new(w->context, "token", json_string("old"));
  begin(w, wants_new);
  assert_int_equal(get(w), -1);
  assert_int_equal(w->err.kind, ERR_PERMISSION);
  assert_int_equal(w->s.shared->requests, 1);
}

/* Plugins: real little scripts. Each run adds a line to FOLDER/runs. */

#define EXEC_V1 "client.authentication.k8s.io/v1"
#define ANSWER(status) "{\"apiVersion\":\"" EXEC_V1 "\",\"kind\":\"ExecCredential\",\"status\":" status "}"

static void begin_plugin(struct world *w, const char *script, reply_fn *reply) {
  json_object_set_new(w->context, "exec",
                      json_pack("{s:s,s:s,s:[s,s],s:[{s:s,s:s}],s:b,s:s}", "apiVersion", EXEC_V1, "command",
                                "", "args", "get", "a b", "env", "name", "EXTRA", "value", "v",
                                "provideClusterInfo", 1, "installHint", "get it there"));
  begin(w, reply); /* makes the folder */
  CLEANUP_FREE char *all =
      xprintf("#!/bin/sh\ncd '%s'\necho \"$# $2 $EXTRA\" >>runs\n%s\n", w->s.dir, script);
  CLEANUP_FREE char *path = xprintf("%s/plugin", w->s.dir);
  write_file(w, "plugin", all);
  json_t *exec = json_at(http_client_endpoint(w->k->http)->context, "exec");
  json_object_set_new(exec, "command", json_string(path));
}

static size_t runs(const struct world *w) {
  CLEANUP_FREE char *path = xprintf("%s/runs", w->s.dir);
  FILE *f = fopen(path, "r");
  size_t n = 0;
  for (int c; f && (c = getc(f)) != EOF;) n += c == '\n';
  if (f) fclose(f);
  return n;
}

static void a_plugins_token_is_kept(void **state) {
  struct world *w = *state;
  begin_plugin(w,
               "printf '%s' \"$KUBERNETES_EXEC_INFO\" >info\n"
               "echo '" ANSWER("{\"token\":\"new\",\"expirationTimestamp\":\"2100-01-01T00:00:00Z\"}") "'",
               wants_new);
  for (int i = 0; i < 3; i++) assert_int_equal(get(w), 0);
  assert_int_equal(runs(w), 1);
  CLEANUP_FREE char *path = xprintf("%s/info", w->s.dir), *line = xprintf("%s/runs", w->s.dir);
  CLEANUP_JSON json_t *info = json_load_file(path, 0, NULL);
  assert_string_equal(json_str(info, "apiVersion"), EXEC_V1);
  assert_string_equal(json_str(info, "kind"), "ExecCredential");
  assert_true(json_is_false(json_object_get(json_object_get(info, "spec"), "interactive")));
  assert_string_equal(json_str(info, "spec.cluster.server"), w->k->info.endpoint);
  assert_non_null(json_str(info, "spec.cluster.certificate-authority-data"));
  char text[64] = "";
  FILE *f = fopen(line, "r");
  assert_non_null(fgets(text, sizeof text, f));
  fclose(f);
  assert_string_equal(text, "2 a b v\n"); /* words stay words */
}

static void an_expired_or_refused_one_is_fetched_again(void **state) {
  struct world *w = *state;
  begin_plugin(w,
               "case $(wc -l <runs) in\n1) echo '" ANSWER(
                   "{\"token\":\"old\"}") "';;\n"
                                          "2) echo '" ANSWER(
                                              "{\"token\":\"new\",\"expirationTimestamp\":\"2001-01-01T00:00:"
                                              "00Z\"}") "';;\n"
                                                        "*) echo '" ANSWER("{\"token\":\"new\"}") "';;\nesac",
               wants_new);
  assert_int_equal(post(w), 0); /* old: 401; new */
  assert_int_equal(runs(w), 2);
  assert_int_equal(get(w), 0); /* expired */
  assert_int_equal(runs(w), 3);
  assert_int_equal(get(w), 0);
  assert_int_equal(runs(w), 3);
}

static void a_plugins_certificate_is_shown(void **state) {
  struct world *w = *state;
  w->s.wants_certificate = true;
  begin_plugin(w,
               "pem() { awk '{printf \"%s\\\\n\", $0}' $1; }\n"
               "printf '" ANSWER(
                   "{\"clientCertificateData\":\"%s\",\"clientKeyData\":\"%s\"}") "' \"$(pem cert.pem)\" "
                                                                                  "\"$(pem key.pem)\"",
               plain);
  if (get(w) < 0) fail_msg("%s", w->err.text);
  assert_int_equal(get(w), 0);
  assert_int_equal(runs(w), 1);
  assert_int_equal(w->s.shared->connections, 1);
}

static void bad_plugins(void **state) {
  struct world *w = *state;
  static const struct {
    const char *script, *words;
  } rows[] = {
      {"echo 'not logged in; try login' >&2; echo secret; exit 3",
       "failed: exit status 3: not logged in; try login"},
      {"exit 1", "failed: exit status 1 without a word"},
      {"kill -9 $$", "was killed by signal 9"},
      {"echo secret", "its answer is not JSON"},
      {"", "its answer is not JSON"},
      {"echo '[]'", "its answer is no ExecCredential with a status"},
      {"echo '" ANSWER("null") "'", "its answer is no ExecCredential with a status"},
      {"echo "
       "'{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/"
       "v1beta1\",\"status\":{}}'",
       "it answers in client.authentication.k8s.io/v1beta1, the kubeconfig says apiVersion " EXEC_V1},
      {"echo '{\"kind\":\"ExecCredential\",\"status\":{}}'", "it answers in no apiVersion"},
      {"echo '" ANSWER("{}") "'", "holds neither a token nor a certificate"},
      {"echo '" ANSWER("{\"token\":\"sec\\\\r\\\\nret\"}") "'",
       "its token holds white space or control characters"},
      {"echo '" ANSWER("{\"clientKeyData\":\"x\",\"token\":\"t\"}") "'", "a key without a certificate"},
      {"echo '" ANSWER("{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}") "'",
       "its expirationTimestamp is no time"},
      {"head -c 2000000 /dev/zero", "its answer is larger than 1024 KiB"},
  };
  begin_plugin(w, "exit 1", plain);
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    CLEANUP_FREE char *script = xprintf("#!/bin/sh\n%s\n", rows[i].script);
    write_file(w, "plugin", script);
    assert_int_equal(get(w), -1);
    assert_int_equal(w->err.kind, ERR_CONFIG);
    said(w, "looking failed: credential plugin /tmp/");
    said(w, rows[i].words);
    assert_null(strstr(w->err.text, "secret"));
  }
  CLEANUP_FREE char *path = xprintf("%s/plugin", w->s.dir);
  unlink(path);
  assert_int_equal(get(w), -1);
  /* Under valgrind posix_spawn(3) does not tell of it: its vfork is a fork there. */
  said(w, getenv("UNDER_VALGRIND") ? "failed: exit status 127"
                                   : "cannot be started: No such file or directory; get it there");
  assert_int_equal(w->s.shared->requests, 0);
}

static enum error_kind interrupted(void *data, struct error *err) {
  if (clock_ms() <= *(int64_t *)data) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

static void on_nothing(void *data) {
  (void)data;
}

/* A zombie that nobody reaps (containers) has ended. */
static bool runs_still(int pid) {
  char path[64], state = 'Z';
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "r");
  if (!f) return false;
  if (fscanf(f, "%*d %*s %c", &state) != 1) state = 'Z';
  fclose(f);
  return state != 'Z';
}

/* One that hangs, and has a child that holds its output, ends with the limit or the interrupt. */
static void a_plugin_that_hangs(void **state) {
  struct world *w = *state;
  int64_t soon = clock_ms() + 300;
  begin_plugin(w, "sleep 600 & echo $! >child; wait", plain);
  struct timer *t = loop_timer(w->loop, 400, on_nothing, NULL);
  loop_set_interrupt(w->loop, (struct interrupt){interrupted, &soon});
  assert_int_equal(get(w), -1);
  assert_int_equal(w->err.kind, ERR_CANCELLED);
  timer_free(t);
  loop_set_interrupt(w->loop, (struct interrupt){0});
  int64_t begun = clock_ms();
  kube_plugin_limit_ms = 500;
  w->k->base.ops->free(&w->k->base); /* ends the first, which is still at it */
  struct runtime *rt;
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = (char *)"x",
                        .host = (char *)"127.0.0.1",
                        .port = w->s.port,
                        .tls = true,
                        .context = w->context};
  CLEANUP_FREE char *path = xprintf("%s/plugin", w->s.dir);
  json_object_set_new(json_at(w->context, "exec"), "command", json_string(path));
  assert_int_equal(kubernetes_open(w->loop, &ep, &rt, &w->err), 0);
  w->k = (struct kube *)rt;
  assert_int_equal(get(w), -1);
  said(w, "did not answer in 0 s");
  assert_true(clock_ms() - begun < 5000);
  kube_plugin_limit_ms = 60000;
  CLEANUP_FREE char *child = xprintf("%s/child", w->s.dir);
  int pid = 0;
  FILE *f = fopen(child, "r");
  assert_int_equal(fscanf(f, "%d", &pid), 1);
  fclose(f);
  for (int i = 0; i < 100 && runs_still(pid); i++) nap_ms(10);
  assert_false(runs_still(pid));
}

static void a_child_that_holds_the_output_does_not_hold_us(void **state) {
  struct world *w = *state;
  begin_plugin(w, "sleep 5 & echo '" ANSWER("{\"token\":\"new\"}") "'", wants_new);
  int64_t begun = clock_ms();
  assert_int_equal(get(w), 0);
  assert_true(clock_ms() - begun < 4000);
}

/* Whom to trust and by which way: names, proxies */

static void reopen(struct world *w, const char *server_name, const char *proxy) {
  struct runtime *rt;
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = (char *)"https://test",
                        .host = (char *)"127.0.0.1",
                        .port = w->s.port,
                        .tls = true,
                        .verify = true,
                        .ca = w->s.cert,
                        .server_name = (char *)server_name,
                        .proxy = (char *)proxy,
                        .context = w->context};
  if (w->k) w->k->base.ops->free(&w->k->base);
  assert_int_equal(kubernetes_open(w->loop, &ep, &rt, &w->err), 0);
  w->k = (struct kube *)rt;
}

static void another_name_in_the_certificate(void **state) {
  struct world *w = *state;
  begin(w, plain);
  reopen(w, "k.example", NULL); /* is in the certificate; nobody resolves it */
  if (get(w)) fail_msg("%s", w->err.text);
  CLEANUP_FREE char *host = xprintf("Host: 127.0.0.1:%d\r\n", w->s.port);
  assert_true(sent(w, 0, host) && !sent(w, 0, "k.example"));
  reopen(w, "other.example", NULL);
  assert_int_equal(get(w), -1);
  assert_int_equal(w->err.kind, ERR_UNREACHABLE);
  said(w, "cannot reach the cluster at https://test: ");
  said(w, "tls-server-name of the kubeconfig says which name the certificate has");
}

static void shuttle(int a, int b) {
  static char buf[65536];
  struct pollfd p[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
  while (poll(p, 2, -1) > 0)
    for (int i = 0; i < 2; i++) {
      if (!p[i].revents) continue;
      ssize_t n = read(p[i].fd, buf, sizeof buf);
      if (n <= 0) return;
      server_write(p[!i].fd, buf, (size_t)n);
    }
}

/* A proxy, HTTP or SOCKS5, that leads to port *data whatever it is asked for. Its connections are counted. */
static void proxy_serve(int fd, const int *to) {
  static char head[4096];
  struct sockaddr_in sa = {
      .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)*to)};
  ssize_t n = recv(fd, head, 1, MSG_PEEK);
  if (n == 1 && head[0] == 5) {
    if (read(fd, head, sizeof head) < 3) return;
    server_write(fd, "\5\0", 2);
    n = read(fd, head, sizeof head); /* 5 1 0 3 LENGTH NAME PORT, or 1 and an address */
    if (n < 10 || (head[3] != 1 && head[3] != 3)) return;
    server_write(fd, "\5\0\0\1\0\0\0\0\0\0", 10);
  } else {
    if (!server_request(fd, head, sizeof head)) return;
    if (strncmp(head, "CONNECT 127.0.0.1:", 18) != 0 || strstr(head, "Bearer")) return;
    server_puts(fd, "HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n");
  }
  int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(out, (struct sockaddr *)&sa, sizeof sa) == 0) shuttle(fd, out);
}

static pid_t proxy_start(const int *to, int *ret_port) {
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert_int_equal(bind(fd, (struct sockaddr *)&sa, len) || listen(fd, 8), 0);
  getsockname(fd, (struct sockaddr *)&sa, &len);
  *ret_port = ntohs(sa.sin_port);
  pid_t pid = fork();
  if (!pid) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    for (int c; (c = accept(fd, NULL, NULL)) >= 0; close(c)) {
      if (fork()) continue;
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(fd);
      proxy_serve(c, to);
      _exit(0);
    }
    _exit(0);
  }
  close(fd);
  return pid;
}

/* The server's address would be refused: only by the proxy is it reached, and what the proxy says is no
 * answer.
 */
static void through_a_proxy(void **state) {
  struct world *w = *state;
  int port, to;
  json_object_set_new(w->context, "token", json_string("sesame"));
  setenv("NO_PROXY", "*", 1); /* of no account for a proxy that the kubeconfig names */
  begin(w, plain);
  to = w->s.port;
  pid_t pid = proxy_start(&to, &port);
  w->s.port = 1;
  CLEANUP_FREE char *http = xprintf("http://127.0.0.1:%d", port),
                    *socks = xprintf("socks5h://127.0.0.1:%d", port);
  reopen(w, NULL, http);
  if (get(w)) fail_msg("%s", w->err.text);
  assert_int_equal(get(w), 0);
  assert_true(sent(w, 1, "Authorization: Bearer sesame\r\n"));
  reopen(w, "k.example", http); /* both: the proxy is told the address, the server's name is verified */
  if (get(w)) fail_msg("%s", w->err.text);
  reopen(w, NULL, socks);
  if (get(w)) fail_msg("%s", w->err.text);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  loop_drop_connections(w->loop);
  reopen(w, NULL, http);
  assert_int_equal(get(w), -1);
  assert_int_equal(w->err.kind, ERR_UNREACHABLE);
  unsetenv("NO_PROXY");
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      CLIENT_TEST(a_token_goes_over_tls_only),
      CLIENT_TEST(nothing_is_told_without_tls),
      CLIENT_TEST(a_refused_token_file_is_read_again),
      CLIENT_TEST(a_refused_token_is_refused_once),
      CLIENT_TEST(a_plugins_token_is_kept),
      CLIENT_TEST(an_expired_or_refused_one_is_fetched_again),
      CLIENT_TEST(a_plugins_certificate_is_shown),
      CLIENT_TEST(bad_plugins),
      CLIENT_TEST(a_plugin_that_hangs),
      CLIENT_TEST(a_child_that_holds_the_output_does_not_hold_us),
      CLIENT_TEST(another_name_in_the_certificate),
      CLIENT_TEST(through_a_proxy),
  };
  signal(SIGPIPE, SIG_IGN); /* as io/signals.h does */
  return RUN_TESTS(tests);
}
