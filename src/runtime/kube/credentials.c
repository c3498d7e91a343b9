/* Who we are: a token, a token's file read again every minute, or what a plugin answers, kept until it
 * expires. Only ever over TLS: to an http:// server (kubectl proxy) nothing is told. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/json.h"
#include "runtime/kube/reach.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FILE_FRESH_MS 60000 /* client-go's: projected tokens are rotated long before they expire */
#define EXPIRY_MARGIN_NS INT64_C(5000000000) /* a request under way must not meet the expiry */

struct kube_credentials {
  struct loop *loop;
  struct http_client *http;
  const json_t *context; /* the endpoint's; NULL: no credentials at all (http://) */
  const char *token_file;
  const json_t *exec;
  char *token; /* as it is sent now */
  int64_t token_read_ms;
  bool has_exec_answer;
  int64_t expires_ns; /* of the plugin's answer; 0: never */
  struct kube_plugin *plugin;
  struct kube_credentials_user *users;
};

static void forget_token(struct kube_credentials *c) {
  if (c->token) explicit_bzero(c->token, strlen(c->token));
  free(TAKE(c->token));
}

struct kube_credentials *kube_credentials_new(struct loop *loop, struct http_client *http) {
  const struct endpoint *ep = http_client_endpoint(http);
  struct kube_credentials *c = xcalloc(1, sizeof *c);
  c->loop = loop;
  c->http = http;
  if (!ep->tls) return c;
  c->context = ep->context;
  c->token_file = json_str(c->context, "token_file");
  c->token = xstrdup(json_str(c->context, "token"));
  /* client-go's order: a plugin is not asked when the kubeconfig itself holds something. */
  if (!c->token && !c->token_file && !ep->cert && !ep->cert_data) c->exec = json_at(c->context, "exec");
  return c;
}

void kube_credentials_free(struct kube_credentials *c) {
  if (!c) return;
  kube_plugin_free(c->plugin);
  forget_token(c);
  free(c);
}

/* A plugin */

bool kube_credentials_wanted(const struct kube_credentials *c) {
  if (!c->exec) return false;
  return !c->has_exec_answer || (c->expires_ns && clock_wall_ns() >= c->expires_ns - EXPIRY_MARGIN_NS);
}

/* What would end the header's line, or be no header at all, is no token. */
static bool is_header_value(const char *s) {
  for (; *s; s++)
    if ((unsigned char)*s <= ' ' || (unsigned char)*s == 0x7f) return false;
  return true;
}

static int take_answer(struct kube_credentials *c, json_t *status, struct error *err) {
  const char *token = json_str(status, "token"), *cert = json_str(status, "clientCertificateData"),
             *key = json_str(status, "clientKeyData"), *expires = json_str(status, "expirationTimestamp"),
             *command = json_str(c->exec, "command");
  if ((!token || !*token) && !cert)
    return error_set(err, ERR_CONFIG,
                     "credential plugin %s: its answer holds neither a token nor a certificate", command);
  if (!cert != !key)
    return error_set(err, ERR_CONFIG,
                     "credential plugin %s: its answer holds a certificate without a key, or a "
                     "key without a certificate",
                     command);
  if (token && !is_header_value(token))
    return error_set(err, ERR_CONFIG,
                     "credential plugin %s: its token holds white space or control characters", command);
  c->expires_ns = expires ? clock_parse_rfc3339(expires) : 0;
  if (expires && !c->expires_ns)
    return error_set(err, ERR_CONFIG, "credential plugin %s: its expirationTimestamp is no time", command);
  forget_token(c);
  c->token = token && *token ? xstrdup(token) : NULL;
  if (cert) http_client_certificate(c->http, cert, key);
  c->has_exec_answer = true;
  return 0;
}

static void on_plugin(void *data, json_t *status, const struct error *err) {
  struct kube_credentials *c = data;
  struct error fault = ERROR_INIT;
  if (err) fault = *err;
  if (!err && take_answer(c, status, &fault) == 0) err = NULL;
  kube_plugin_free(TAKE(c->plugin));
  while (c->users) {
    struct kube_credentials_user *u = c->users;
    c->users = u->next;
    u->done(u->data, fault.kind ? &fault : NULL);
  }
}

void kube_credentials_fetch(struct kube_credentials *c, struct kube_credentials_user *u) {
  u->next = c->users;
  c->users = u;
  if (!c->plugin)
    c->plugin = kube_plugin_begin(c->loop, c->exec, http_client_endpoint(c->http), on_plugin, c);
}

void kube_credentials_forget(struct kube_credentials *c, struct kube_credentials_user *u) {
  for (struct kube_credentials_user **p = &c->users; *p; p = &(*p)->next)
    if (*p == u) {
      *p = u->next;
      return;
    }
}

struct ready {
  bool done;
  struct error err;
};

static void on_ready(void *data, const struct error *err) {
  struct ready *r = data;
  r->done = true;
  if (err) r->err = *err;
}

int kube_credentials_ready(struct kube_credentials *c, struct error *err) {
  if (!kube_credentials_wanted(c)) return 0;
  struct ready r = {.done = false};
  struct kube_credentials_user u = {.done = on_ready, .data = &r};
  kube_credentials_fetch(c, &u);
  while (!r.done) {
    if (loop_interrupted(c->loop, err) != ERR_NONE) {
      kube_credentials_forget(c, &u);
      return -1;
    }
    loop_step(c->loop, -1);
  }
  if (r.err.kind && err) *err = r.err;
  return r.err.kind ? -1 : 0;
}

/* Tokens */

static int read_token_file(struct kube_credentials *c, struct error *err) {
  struct buf text;
  if (file_read(c->token_file, LIMIT_TOKEN, &text, err) < 0) return error_prefix(err, "token file");
  char *s = text.data ? text.data : (char *)"";
  size_t n = text.len;
  while (n && isspace((unsigned char)s[n - 1])) n--;
  while (n && isspace((unsigned char)*s)) s++, n--;
  char *token = xstrndup(s, n);
  if (text.data) explicit_bzero(text.data, text.len);
  buf_done(&text);
  bool good = *token && strlen(token) == n && is_header_value(token);
  if (good) {
    forget_token(c);
    c->token = token;
    c->token_read_ms = clock_ms();
    return 0;
  }
  int rc = error_set(err, ERR_CONFIG, "token file %s: %s", c->token_file,
                     n ? "what it holds is no token" : "empty");
  explicit_bzero(token, strlen(token));
  free(token);
  return rc;
}

/* The file wins over the token that stands in the kubeconfig; one that cannot be read any more leaves the
 * last known token in use. */
static int refresh_token(struct kube_credentials *c, struct error *err) {
  struct error ignored = ERROR_INIT;
  if (!c->token_file || (c->token_read_ms && clock_ms() - c->token_read_ms < FILE_FRESH_MS)) return 0;
  if (!c->token) return read_token_file(c, err);
  (void)read_token_file(c, &ignored);
  return 0;
}

static void add_line(struct buf *b, const char *name, const char *value) {
  buf_printf(b, "%s%s: %s", b->len ? "\r\n" : "", name, value);
}

/* Values were looked through when the kubeconfig was read (user.c): no line's ends. */
static void add_impersonation(struct buf *b, const json_t *who) {
  const char *user = json_str(who, "user"), *uid = json_str(who, "uid"), *key;
  json_t *values, *v;
  size_t i;
  if (user) add_line(b, "Impersonate-User", user);
  if (uid) add_line(b, "Impersonate-Uid", uid);
  json_array_foreach(json_at(who, "groups"), i, v) add_line(b, "Impersonate-Group", json_string_value(v));
  json_object_foreach(json_at(who, "extra"), key, values) {
    CLEANUP_FREE char *escaped = http_escape(key);
    CLEANUP_FREE char *name = xprintf("Impersonate-Extra-%s", escaped);
    json_array_foreach(values, i, v) add_line(b, name, json_string_value(v));
  }
}

int kube_credentials_headers(struct kube_credentials *c, char **ret, struct error *err) {
  struct buf b;
  *ret = NULL;
  if (!c->context) return 0;
  if (refresh_token(c, err) < 0) return -1;
  buf_init(&b, LIMIT_HEADERS);
  if (c->token) buf_printf(&b, "Authorization: Bearer %s", c->token);
  add_impersonation(&b, json_at(c->context, "impersonate"));
  if (b.len) *ret = buf_take(&b);
  buf_done(&b);
  return 0;
}

bool kube_credentials_refused(struct kube_credentials *c) {
  if (c->exec) {
    c->has_exec_answer = false;
    return true;
  }
  if (!c->token_file) return false;
  CLEANUP_FREE char *before = xstrdup(c->token ? c->token : "");
  c->token_read_ms = 0;
  struct error ignored = ERROR_INIT;
  bool other = refresh_token(c, &ignored) == 0 && strcmp(before, c->token ? c->token : "") != 0;
  explicit_bzero(before, strlen(before));
  return other;
}
