/* Requests to an API server: what goes out, what comes back in words, credentials of every kind. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "descriptors.h"
#include "kube_server.h"
#include "runtime/kube/access.h"
#include "runtime/kube/reach.h"
#include "runtime/registry.h"
#include <sys/stat.h>

#define OK(body)                                                                                             \
  "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nDate: Sun, 29 Nov 2026 15:04:05 GMT\r\n\r\n%s", strlen(body),   \
      body
#define STATUS(line, headers, body)                                                                          \
  "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n" headers "\r\n" body

struct world {
  struct kube_server s;
  struct loop *loop;
  struct kube *k;
  json_t *context;
  struct error err;
};

static struct reply good(const char *body) {
  static char text[4096];
  snprintf(text, sizeof text, OK(body));
  return (struct reply){.text = text};
}

static struct reply plain(const char *request, struct shared *shared) {
  (void)request, (void)shared;
  return good("{\"gitVersion\":\"v1.30.4+k3s1\",\"major\":\"1\",\"minor\":\"30+\"}");
}

static int setup(void **state) {
  struct world *w = calloc(1, sizeof *w);
  w->s.tls = true;
  w->loop = loop_new();
  w->context = json_pack("{s:s,s:s,s:s}", "namespace", "shop", "user", "u", "cluster", "c");
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  if (w->k) w->k->base.ops->free(&w->k->base);
  loop_free(w->loop);
  json_decref(w->context);
  if (w->s.pid) kube_server_stop(&w->s);
  free(w);
  return 0;
}

static void begin(struct world *w, reply_fn *reply) {
  struct runtime *rt;
  w->s.reply = reply;
  kube_server_start(&w->s);
  CLEANUP_FREE char *text = xprintf("%s://127.0.0.1:%d", w->s.tls ? "https" : "http", w->s.port);
  struct endpoint ep = {.scheme = ENDPOINT_TCP,
                        .text = text,
                        .host = (char *)"127.0.0.1",
                        .port = w->s.port,
                        .tls = w->s.tls,
                        .verify = true,
                        .ca = w->s.cert,
                        .context = w->context};
  assert_int_equal(kubernetes_open(w->loop, &ep, &rt, &w->err), 0);
  w->k = (struct kube *)rt;
}

static int get(struct world *w) {
  error_clear(&w->err);
  return kube_get(w->k, "/x", "looking failed", NULL, &w->err);
}

static int post(struct world *w) {
  struct kube_request req = {.method = "POST", .path = "/x", .body = w->context, .changes = true};
  error_clear(&w->err);
  return kube_json(w->k, &req, "making failed", NULL, &w->err);
}

static bool sent(const struct world *w, int i, const char *words) {
  return strstr(w->s.shared->log[i], words) != NULL;
}

static void said(const struct world *w, const char *words) {
  if (!strstr(w->err.text, words)) fail_msg("'%s' is not in '%s'", words, w->err.text);
}

/* What goes out */

static void connecting(void **state) {
  struct world *w = *state;
  begin(w, plain);
  assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), 0);
  const struct runtime_info *info = w->k->base.ops->info(&w->k->base);
  assert_string_equal(info->kind, "kubernetes");
  assert_string_equal(info->version, "v1.30.4+k3s1");
  assert_string_equal(info->api, "1.30");
  assert_string_equal(info->namespace, "shop");
  assert_int_equal(w->k->minor, 30);
  assert_true(sent(w, 0, "GET /version HTTP/1.1\r\n"));
  int64_t apart = w->k->base.ops->clock_ns(&w->k->base) - clock_wall_ns() - w->k->clock_offset_ns;
  assert_true(apart < 1000000000 && apart > -1000000000);
}

static struct reply odd_versions(const char *request, struct shared *shared) {
  static const char *const bodies[] = {
      "{\"gitVersion\":\"v1.20.2\",\"major\":\"\",\"minor\":\"\"}", /* no stamp but a name */
      "{\"gitVersion\":\"v0.0.0-master+1\",\"major\":\"0\",\"minor\":\"0\"}",
      "{\"gitVersion\":\"v2.1.0\",\"major\":\"2\",\"minor\":\"1\"}",
      "{\"gitVersion\":\"v1.9.0\",\"major\":\"1\",\"minor\":\"9\"}",
      "{\"gitVersion\":\"nonsense\"}",
      "[]",
      "hello",
  };
  (void)request;
  return good(bodies[shared->n[0]++]);
}

static void versions_of_every_kind(void **state) {
  struct world *w = *state;
  begin(w, odd_versions);
  static const int minors[] = {20, 20, 999};
  for (size_t i = 0; i < ARRAY_LEN(minors); i++) {
    assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), 0);
    assert_int_equal(w->k->minor, minors[i]);
  }
  assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), -1);
  said(w, "the cluster is too old: it is v1.9.0, run-once needs v1.19 or newer");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(w->k->base.ops->connect(&w->k->base, &w->err), -1);
    said(w, "what answers is not a cluster's API server (HTTP 200 to GET /version)");
  }
}

static void one_connection_serves_and_heads_are_kubectls(void **state) {
  struct world *w = *state;
  begin(w, plain);
  CLEANUP_JSON json_t *body = json_pack("{s:s}", "a", "b");
  struct kube_request patch = {.method = "PATCH", .path = "/p", .body = body},
                      strategic = {.method = "PATCH",
                                   .path = "/p",
                                   .body = body,
                                   .content_type = "application/x"},
                      remove = {.method = "DELETE", .path = "/d", .body = body, .changes = true},
                      log = {.method = "GET", .path = "/l", .accept = "*/*"};
  assert_int_equal(get(w), 0);
  assert_int_equal(kube_json(w->k, &patch, "", NULL, &w->err), 0);
  assert_int_equal(kube_json(w->k, &strategic, "", NULL, &w->err), 0);
  assert_int_equal(kube_json(w->k, &remove, "", NULL, &w->err), 0);
  assert_int_equal(kube_json(w->k, &log, "", NULL, &w->err), 0);
  assert_int_equal(w->s.shared->connections, 1);
  assert_true(sent(w, 0, "GET /x HTTP/1.1\r\n") && sent(w, 0, "Accept: application/json\r\n"));
  assert_false(sent(w, 0, "Authorization"));
  assert_true(sent(w, 1, "PATCH /p ") && sent(w, 1, "Content-Type: application/merge-patch+json\r\n"));
  assert_true(sent(w, 2, "Content-Type: application/x\r\n"));
  assert_true(sent(w, 3, "DELETE /d ") && sent(w, 3, "Content-Type: application/json\r\n") &&
              sent(w, 3, "\r\n\r\n{\"a\":\"b\"}"));
  assert_true(sent(w, 4, "Accept: */*\r\n") && !sent(w, 4, "json"));
}

static void paths(void **state) {
  struct kube k = {.namespace = "shop"};
  static const struct {
    const char *group, *resource, *name, *suffix, *path;
  } rows[] = {
      {"", "pods", NULL, NULL, "/api/v1/namespaces/shop/pods"},
      {"", "pods", "a", "/log?container=web", "/api/v1/namespaces/shop/pods/a/log?container=web"},
      {"batch/v1", "jobs", "j", NULL, "/apis/batch/v1/namespaces/shop/jobs/j"},
      {"", "secrets", "../x?y", NULL, "/api/v1/namespaces/shop/secrets/..%2Fx%3Fy"},
  };
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    CLEANUP_FREE char *path = kube_path(&k, rows[i].group, rows[i].resource, rows[i].name, rows[i].suffix);
    assert_string_equal(path, rows[i].path);
  }
}

/* What comes back */

static void faults_in_words(void **state) {
  static const struct {
    long status;
    const char *body;
    enum error_kind kind;
    const char *text;
  } rows[] = {
      {404, "{\"message\":\"pods \\\"a\\\" not found\",\"reason\":\"NotFound\"}", ERR_MISSING,
       "w: pods \"a\" not found"},
      {409, "{\"message\":\"jobs.batch \\\"a\\\" already exists\",\"reason\":\"AlreadyExists\"}",
       ERR_CONFLICT, "w: jobs.batch \"a\" already exists"},
      {403, "{\"message\":\"pods is forbidden\",\"reason\":\"Forbidden\"}", ERR_PERMISSION,
       "w: pods is forbidden"},
      {403, "{\"message\":\"pods \\\"a\\\" is forbidden: exceeded quota: q, requested: pods=1\"}", ERR_QUOTA,
       "w: pods \"a\" is forbidden: exceeded quota: q, requested: pods=1"},
      {403, "{\"message\":\"is forbidden: failed quota: q: must specify cpu\"}", ERR_QUOTA,
       "w: is forbidden: failed quota: q: must specify cpu"},
      {401, "{\"message\":\"Unauthorized\",\"code\":401}", ERR_PERMISSION,
       "w: Unauthorized: the API server does not accept the credentials, or they have expired; log in again"},
      {422, "{\"message\":\"Job.batch \\\"a\\\" is invalid\",\"reason\":\"Invalid\"}", ERR_CONFIG,
       "w: Job.batch \"a\" is invalid"},
      {410, "{\"message\":\"too old\",\"reason\":\"Expired\"}", ERR_MISSING, "w: too old"},
      {429, "{\"message\":\"slow down\"}", ERR_ENGINE, "w: slow down"},
      {500, "{\"message\":\"admission webhook failed\"}", ERR_ENGINE, "w: admission webhook failed"},
      {500, "{\"message\":\"etcdserver: request timed out\"}", ERR_TIMEOUT,
       "w: etcdserver: request timed out"},
      {500, "{\"message\":\"etcdserver: leader changed\"}", ERR_TIMEOUT, "w: etcdserver: leader changed"},
      {500, "{\"message\":\"x\",\"reason\":\"ServerTimeout\"}", ERR_TIMEOUT, "w: x"},
      {504, "{\"message\":\"request did not complete\",\"reason\":\"Timeout\"}", ERR_TIMEOUT,
       "w: request did not complete"},
      {502, "<html>Bad\nGateway</html>", ERR_LOST, "w: <html>Bad; Gateway</html>"},
      {503, "", ERR_ENGINE, "w: the API server answered HTTP 503 without a word"},
      {500, "{\"kind\":\"Status\"}", ERR_ENGINE, "w: the API server answered HTTP 500 without a word"},
      {500, "{\"message\":\"cut", ERR_ENGINE, "w: {\"message\":\"cut"},
  };
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
    struct error err = ERROR_INIT;
    struct http_response r = {.status = rows[i].status};
    r.body.data = (char *)rows[i].body;
    r.body.len = strlen(rows[i].body);
    assert_int_equal(kube_fault(&r, "w", &err), -1);
    assert_int_equal(err.kind, rows[i].kind);
    assert_int_equal(err.http_status, rows[i].status);
    assert_string_equal(err.text, rows[i].text);
  }
}

static void warnings_are_kept_once(void **state) {
  struct kube k = {.namespace = "shop"};
  struct http_response r = {.status = 200};
  static const char head[] =
      "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 15:04:05 GMT\r\n"
      "Warning: 299 - \"would violate PodSecurity \\\"restricted\\\"\"\r\n"
      "warning: 299 - \"old\" \"Sun, 29 Nov 2026 15:04:05 GMT\", 299 - \"older\"\r\n"
      "Warning: 299 - \"old\"\r\nWarning: 299 - unquoted\r\nWarning: 299 - \"open\r\n\r\n";
  (void)state;
  r.headers.data = (char *)head;
  r.headers.len = sizeof head - 1;
  kube_note(&k, &r);
  assert_int_equal(k.warnings.n, 4);
  assert_string_equal(k.warnings.v[0], "would violate PodSecurity \"restricted\"");
  assert_string_equal(k.warnings.v[1], "old");
  assert_string_equal(k.warnings.v[2], "older");
  assert_string_equal(k.warnings.v[3], "open");
  strv_done(&k.warnings); /* said */
  kube_note(&k, &r);
  assert_int_equal(k.warnings.n, 0);
  strv_done(&k.warned);
  assert_true(k.clock_known);
}

/* n[0]: how often 429 is said first; then success */
static struct reply busy(const char *request, struct shared *shared) {
  (void)request;
  if (shared->n[0]-- > 0)
    return (struct reply){
        .text = STATUS("429 Too Many Requests", "Retry-After: 1\r\n", "{\"message\":\"slow down\"}"),
        .then = REPLY_CLOSE};
  return good("{}");
}

static void too_many_requests(void **state) {
  struct world *w = *state;
  begin(w, busy);
  w->s.shared->n[0] = 1;
  int64_t begun = clock_ms();
  assert_int_equal(get(w), 0);
  assert_true(clock_ms() - begun >= 1000);
  assert_int_equal(w->s.shared->requests, 2);
  w->s.shared->n[0] = 1; /* one that changes is not sent again */
  assert_int_equal(post(w), -1);
  said(w, "making failed: slow down");
  w->s.shared->n[0] = 100; /* what would not be in time is not waited for */
  struct kube_request req = {.method = "GET", .path = "/x", .timeout_ms = 900};
  begun = clock_ms();
  assert_int_equal(kube_json(w->k, &req, "looking failed", NULL, &w->err), -1);
  assert_true(clock_ms() - begun < 900);
  assert_int_equal(w->err.http_status, 429);
}

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
  said(w, "cannot be started: No such file or directory; get it there");
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

/* What is allowed */

static void rules_are_read_as_rbac_means_them(void **state) {
  (void)state;
  CLEANUP_JSON json_t *rules =
      json_loads("[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"batch\"],\"resources\":[\"jobs\"]},"
                 "{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*/log\"]},"
                 "{\"verbs\":[\"delete\"],\"apiGroups\":[\"batch\"],\"resources\":[\"jobs\"],"
                 "\"resourceNames\":[\"one\"]},"
                 "{\"verbs\":[\"create\"],\"apiGroups\":[\"\"],\"resources\":[\"*\"]}]",
                 0, NULL);
  assert_true(kube_rules_allow(rules, "batch", "jobs", "list"));
  assert_false(kube_rules_allow(rules, "batch", "jobs", "create"));
  assert_false(kube_rules_allow(rules, "", "jobs", "list"));
  assert_false(kube_rules_allow(rules, "batch", "jobs", "delete")); /* of one only */
  assert_true(kube_rules_allow(rules, "", "pods/log", "get"));
  assert_false(kube_rules_allow(rules, "", "pods", "get"));
  assert_true(kube_rules_allow(rules, "", "pods", "create"));
  assert_false(kube_rules_allow(NULL, "", "pods", "create"));
}

#define RULES(text) "{\"status\":{\"incomplete\":true,\"resourceRules\":[" text "]}}"
static struct reply most_rules(const char *request, struct shared *shared) {
  (void)shared;
  if (strstr(request, "selfsubjectrulesreviews"))
    return good(
        RULES("{\"verbs\":[\"*\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"pods/log\",\"secrets\"]}"));
  /* the rest one by one: a webhook allows all of jobs but deleting */
  bool yes = strstr(request, "\"jobs\"") && !strstr(request, "\"delete\"");
  return good(yes ? "{\"status\":{\"allowed\":true}}" : "{\"status\":{\"allowed\":false}}");
}

static void what_is_missing_is_named(void **state) {
  struct world *w = *state;
  begin(w, most_rules);
  assert_int_equal(kube_access(w->k, false, true, &w->err), -1);
  assert_int_equal(w->err.kind, ERR_PERMISSION);
  assert_string_equal(w->err.text,
                      "namespace shop: not allowed to delete jobs.batch; `run-once doctor` prints the Role "
                      "that would do");
  assert_int_equal(w->s.shared->requests, 1 + 6);
  assert_int_equal(kube_access(w->k, true, true, &w->err), -1);
  said(w, "delete jobs.batch; get, create pods/attach; ");
  CLEANUP_FREE char *role = kube_role_yaml(w->k);
  assert_non_null(strstr(role, "  namespace: shop\nrules:\n  - apiGroups: [batch]\n    resources: [jobs]\n"
                               "    verbs: [create, get, list, watch, patch, delete]\n"));
  assert_non_null(strstr(role, "resources: [pods]\n    verbs: [get, list, watch, create, patch, delete]\n"));
}

static struct reply no_reviews(const char *request, struct shared *shared) {
  (void)request, (void)shared;
  return (struct reply){.text = STATUS("403 Forbidden", "", "{\"message\":\"no reviews for you\"}"),
                        .then = REPLY_CLOSE};
}

static void a_server_that_does_not_tell_is_not_in_the_way(void **state) {
  struct world *w = *state;
  begin(w, no_reviews);
  assert_int_equal(kube_access(w->k, true, true, &w->err), 0);
}

#define CLIENT_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      CLIENT_TEST(connecting),
      CLIENT_TEST(versions_of_every_kind),
      CLIENT_TEST(one_connection_serves_and_heads_are_kubectls),
      cmocka_unit_test(paths),
      cmocka_unit_test(faults_in_words),
      cmocka_unit_test(warnings_are_kept_once),
      CLIENT_TEST(too_many_requests),
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
      cmocka_unit_test(rules_are_read_as_rbac_means_them),
      CLIENT_TEST(what_is_missing_is_named),
      CLIENT_TEST(a_server_that_does_not_tell_is_not_in_the_way),
  };
  signal(SIGPIPE, SIG_IGN); /* as io/signals.h does */
  return RUN_TESTS(tests);
}
