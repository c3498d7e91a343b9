/* From keys to struct settings: scalars replace, lists that name a whole replace, names are added. */
#include "base/alloc.h"
#include "base/parse.h"
#include "release/keys.h"
#include <stdlib.h>
#include <string.h>

static void *member(struct reading *in, const struct key *k) {
  return (char *)in->settings + k->offset;
}

/* A string or a number. */
static int read_scalar(struct reading *in, const struct key *k, const struct yaml *value, char **ret,
                       struct error *err) {
  if (value->kind == YAML_BOOL) return wrong_type(in, k, value, err);
  return value_text(in, k, value, ret, err);
}

int read_text(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  char *text = NULL, **to = member(in, k);
  int rc = read_scalar(in, k, value, &text, err);
  if (rc) return rc;
  free(*to);
  *to = text;
  return 0;
}

int read_tri(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  bool flag;
  int rc = value_bool(in, k, value, &flag, err);
  if (rc == 0) *(enum tri *)member(in, k) = flag ? TRI_YES : TRI_NO;
  return rc;
}

typedef int parse_fn(const char *text, int64_t *ret);

static int read_number(struct reading *in, const struct key *k, const struct yaml *value, parse_fn *parse,
                       int64_t *ret, struct error *err) {
  CLEANUP_FREE char *text = NULL;
  int rc = read_scalar(in, k, value, &text, err);
  if (rc) return rc;
  if (parse(text, ret) == 0) return 0;
  return complain(in, value->line, k->name, err, "expected %s, found '%s'", k->expect, text);
}

int read_size(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_number(in, k, value, parse_size, member(in, k), err);
}

int read_cpus(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_number(in, k, value, parse_cpus, member(in, k), err);
}

int read_duration(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return read_number(in, k, value, parse_duration, member(in, k), err);
}

int read_entrypoint(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  struct strv words = {0};
  int rc = value_list(in, k, value, true, &words, err);
  bool word = value->kind != YAML_LIST && words.n;
  if (rc == 0 && word && strpbrk(words.v[0], " \t\n"))
    rc = complain(in, value->line, k->name, err, "a string is one word; write several as a list: [a, b]");
  if (rc == 0) {
    in->settings->entrypoint_set = true;
    strv_done(&in->settings->entrypoint);
    if (!word || *words.v[0]) strv_copy(&in->settings->entrypoint, &words); /* "": none */
  }
  strv_done(&words);
  return rc;
}

static int network_names(struct reading *in, const struct key *k, const struct yaml *value,
                         struct strv *names, struct error *err) {
  if (value->kind != YAML_MAP) return value_list(in, k, value, false, names, err);
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml_pair *pair = &value->pairs[i];
    if (pair->value->n || (pair->value->kind != YAML_NULL && pair->value->kind != YAML_MAP))
      return complain(in, pair->line, k->name, err,
                      "'%s' cannot have settings: a one-off has no aliases and no fixed addresses",
                      pair->key);
    strv_add(names, pair->key);
  }
  return 0;
}

int read_networks(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv names = {0};
  if (value->kind == YAML_NULL) return 0;
  int rc = network_names(in, k, value, &names, err);
  for (size_t i = 0; i < names.n && rc == 0; i++)
    if (!*names.v[i]) rc = complain(in, value->line, k->name, err, "the name of a network is empty");
  if (rc == 0) {
    in->settings->networks_set = true;
    strv_copy(&in->settings->networks, &names);
  }
  strv_done(&names);
  return rc;
}

static int set_label(struct reading *in, const struct key *k, int line, const char *name, const char *value,
                     struct error *err) {
  struct strv *labels = &in->settings->labels;
  size_t n = strlen(name);
  if (!strncmp(name, "run-once.", 9))
    return complain(in, line, k->name, err, "'%s': labels that begin with run-once. are run-once's own",
                    name);
  CLEANUP_FREE char *label = xprintf("%s=%s", name, value ? value : "");
  for (size_t i = 0; i < labels->n; i++)
    if (!strncmp(labels->v[i], label, n + 1)) {
      free(labels->v[i]);
      labels->v[i] = TAKE(label);
      return 0;
    }
  strv_add(labels, label);
  return 0;
}

int read_labels(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  return value_pairs(in, k, value, set_label, err);
}

int read_names(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv names = {0}, *to = member(in, k);
  int rc = value_list(in, k, value, false, &names, err);
  for (size_t i = 0; i < names.n && rc == 0; i++) {
    if (!*names.v[i] || strchr(names.v[i], '='))
      rc = complain(in, value->line, k->name, err, "'%s' is not a name", names.v[i]);
    else if (!strv_has(to, names.v[i]))
      strv_add(to, names.v[i]);
  }
  strv_done(&names);
  return rc;
}

/* A task of the file and nothing else: argv. Head keys were read when the file was loaded. */
static void apply_task(const struct task *t, struct settings *s) {
  free(s->task);
  s->task = xstrdup(t->name);
  strv_copy(&s->argv, &t->command);
  if (t->tty_set) s->tty = t->tty;
  if (t->stdin_set) s->open_stdin = t->stdin_open;
}

static int apply_head(const struct release *r, struct settings *s, struct error *err) {
  struct source_ref source;
  if (r->name) {
    free(s->name);
    s->name = xstrdup(r->name);
  }
  if (r->image) {
    free(s->image);
    s->image = xstrdup(r->image);
  }
  if (!r->from) return 0;
  if (source_parse(r->from, &source, err)) return -1;
  source_done(&s->source);
  s->source = source;
  return 0;
}

static void apply_kube(const struct release *r, struct kube_settings *k) {
  k->namespace = xstrdup(r->kube.namespace);
  k->container = xstrdup(r->kube.container);
  k->service_account = xstrdup(r->kube.service_account);
  k->template_file = xstrdup(r->kube.template);
}

int release_settings(const struct release *r, const struct task *t, struct settings *s, struct error *err) {
  /* Only loading writes to in.release; here nothing does. */
  struct reading in = {.release = (struct release *)r, .settings = s, .notes = &s->notes};
  for (size_t i = 0; i < r->notes.n; i++) strv_add(&s->notes, r->notes.v[i]);
  apply_kube(r, &s->kube);
  if (apply_head(r, s, err) || keys_read(&in, r->root, AT_FILE, KEYS_SETTINGS, err)) return -1;
  if (!t) return 0;
  CLEANUP_FREE char *path = xprintf("tasks.%s", t->name);
  struct task borrowed = *t;
  in.task = &borrowed;
  in.path = path;
  apply_task(t, s);
  return keys_read(&in, t->node, AT_TASK, KEYS_SETTINGS, err);
}
