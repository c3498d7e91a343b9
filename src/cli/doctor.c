/* doctor: what is there, what is wrong, and what to do about it. On stdout: it was asked for. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "cli/engine.h"
#include "cli/help.h"
#include "cli/history_place.h"
#include "cli/invocation.h"
#include "data/json.h"
#include "net/choose.h"
#include "net/proxy.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct report {
  struct buf out;
  int findings;
};

static void fact(struct report *r, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void finding(struct report *r, const char *what, const char *text, const char *next) {
  r->findings++;
  buf_printf(&r->out, "FINDING  %-12s %s%s%s\n", what, text, next ? "\n                      -> " : "",
             next ? next : "");
}

static void fact(struct report *r, const char *what, const char *fmt, ...) {
  char line[ERROR_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(line, sizeof line, fmt, ap);
  va_end(ap);
  buf_printf(&r->out, "ok       %-12s %s\n", what, line);
}

/* A mistyped RUN_ONCE_… does nothing, silently: that is worth a line. */
static void check_variables(struct report *r) {
  for (char **e = environ; *e; e++) {
    size_t n = strcspn(*e, "=");
    bool known = false;
    if (strncmp(*e, "RUN_ONCE_", 9) != 0) continue;
    for (int id = 0; id < OPTION_COUNT && !known; id++) {
      char name[64];
      option_variable(&option_rows[id], name);
      known = strlen(name) == n && memcmp(name, *e, n) == 0;
    }
    CLEANUP_FREE char *variable = xstrndup(*e, n);
    if (known)
      fact(r, "variable", "%s is set", variable);
    else
      finding(r, "variable", variable, "no option has this name, it does nothing; unset or correct it");
  }
}

static struct release *check_release(struct report *r, const struct options *o) {
  struct release *release = NULL;
  struct error err = ERROR_INIT;
  char *note = NULL;
  if (release_load(option_text(o, OPT_RELEASE), &release, &note, &err) < 0) {
    finding(r, "release", err.text, "correct the file; nothing runs until then");
  } else if (release) {
    fact(r, "release", "%s: %s, %zu task%s", release->file, release->name ? release->name : "(name by from:)",
         release->n_tasks, release->n_tasks == 1 ? "" : "s");
  } else {
    fact(r, "release", "%s", note ? note : "no release file: --from or --image is needed");
  }
  free(note);
  return release;
}

static void check_history(struct report *r, const struct options *o) {
  struct history *h = NULL;
  struct error err = ERROR_INIT;
  if (history_place(o, &h, &err) < 0) {
    finding(r, "history", err.text, "nothing runs without its record; use --history PATH, or --history off");
  } else {
    fact(r, "history", "%s", h ? history_path(h) : "off: nothing is recorded");
  }
  history_free(h);
}

static void names_of(struct report *r, const char *what, const json_t *map) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)map, name, value) {
    fact(r, "credentials", "%s (%s%s%s)", name, what, json_is_string(value) ? " " : "",
         json_is_string(value) ? json_string_value(value) : "");
  }
}

/* A helper that is named but not installed makes every pull from its registry fail. */
static void check_helper(struct report *r, const char *helper) {
  CLEANUP_FREE char *program = xprintf("docker-credential-%s", helper);
  const char *path = getenv("PATH");
  for (const char *at = path ? path : ""; *at;) {
    size_t n = strcspn(at, ":");
    CLEANUP_FREE char *file = xprintf("%.*s/%s", (int)n, at, program);
    if (access(file, X_OK) == 0) return;
    at += n + (at[n] == ':');
  }
  finding(r, "credentials", program, "it is named in config.json but not in PATH; install it or take it out");
}

static void check_config(struct report *r) {
  CLEANUP_FREE char *folder = docker_config_dir();
  CLEANUP_FREE char *path = folder ? xprintf("%s/config.json", folder) : NULL;
  struct buf text;
  struct error err = ERROR_INIT;
  if (!path || !file_exists(path)) {
    fact(r, "config", "%s: not there; no registry credentials", path ? path : "config.json");
    return;
  }
  if (file_read(path, LIMIT_CONFIG_JSON, &text, &err) < 0) {
    finding(r, "config", err.text, "make it readable");
    return;
  }
  CLEANUP_JSON json_t *config = json_parse(text.data ? text.data : "", text.len, &err);
  buf_done(&text);
  if (!json_is_object(config)) {
    CLEANUP_FREE char *why = xprintf("%s: %s", path, config ? "not a JSON object" : err.text);
    finding(r, "config", why, "correct it; credentials and contexts cannot be read");
    return;
  }
  fact(r, "config", "%s", path);
  const char *store = json_str(config, "credsStore"), *name;
  json_t *helper;
  names_of(r, "auths", json_object_get(config, "auths"));
  names_of(r, "credHelpers", json_object_get(config, "credHelpers"));
  json_object_foreach(json_object_get(config, "credHelpers"), name, helper) {
    if (json_is_string(helper)) check_helper(r, json_string_value(helper));
  }
  if (store) {
    fact(r, "credentials", "credsStore %s", store);
    check_helper(r, store);
  }
}

/* What a kind of runtime is called, and what to do when it is not to be had. */
struct runtime_words {
  const char *noun, *no_endpoint, *no_permission, *no_contact;
};
static const struct runtime_words engine_words = {
    "engine", "start an engine, or name one by --host, --context or DOCKER_HOST",
    "become a member of the socket's group, or root",
    "is the engine running there? name another by --host or --context"};
static const struct runtime_words cluster_words = {
    "cluster", "correct the kubeconfig, or name another by --kubeconfig, --context or KUBECONFIG",
    "log in to the cluster again, or ask for the permission",
    "can it be reached from here? name another by --kubeconfig or --context"};

static void check_runtime(struct report *r, const struct options *o, const struct release *release,
                          const struct runtime_words *w) {
  struct endpoint ep = {0};
  struct engine e = {0};
  struct error err = ERROR_INIT;
  const char *kind;
  if (invocation_target(o, release, &kind, &ep, &err) < 0) {
    finding(r, "endpoint", err.text, w->no_endpoint);
    return;
  }
  fact(r, "endpoint", "%s (%s)", ep.text, ep.why ? ep.why : "?");
  CLEANUP_FREE char *proxy = proxy_named(&ep);
  if (proxy) fact(r, "proxy", "%s, unless NO_PROXY has that host", proxy);
  if (engine_open(&e, kind, &ep, &err) < 0) {
    finding(r, w->noun, err.text, err.kind == ERR_PERMISSION ? w->no_permission : w->no_contact);
  } else {
    const struct runtime_info *info = e.rt->ops->info(e.rt);
    fact(r, w->noun, "%s %s, API %s", info->kind, info->version, info->api);
    struct strv facts = {0}, findings = {0};
    if (e.rt->ops->examine(e.rt, &facts, &findings, &err) < 0) finding(r, w->noun, err.text, NULL);
    for (size_t i = 0; i < facts.n; i++) fact(r, w->noun, "%s", facts.v[i]);
    for (size_t i = 0; i < findings.n; i++) finding(r, w->noun, findings.v[i], NULL);
    strv_done(&facts);
    strv_done(&findings);
  }
  engine_done(&e);
  endpoint_done(&ep);
}

int cmd_doctor(struct cli *c) {
  struct report r = {0};
  buf_init(&r.out, LIMIT_CONFIG_JSON);
  check_variables(&r);
  struct release *release = check_release(&r, &c->opts);
  bool cluster = !strcmp(invocation_runtime(&c->opts, release), "kubernetes");
  if (!cluster) check_config(&r); /* Docker's */
  check_runtime(&r, &c->opts, release, cluster ? &cluster_words : &engine_words);
  check_history(&r, &c->opts);
  release_free(release);
  if (r.findings)
    buf_printf(&r.out, "%d finding%s\n", r.findings, r.findings == 1 ? "" : "s");
  else
    buf_puts(&r.out, "no findings\n");
  int status = print_all(&r.out);
  return status ? status : r.findings > 0;
}
