/* plan: looks only; changes nothing, pulls nothing, settles nothing. */
#include "cli/plan.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "cli/engine.h"
#include "cli/help.h"
#include "cli/jobs.h"
#include "cli/say.h"
#include "data/json.h"
#include "data/yaml_write.h"
#include "job/lock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *words_json(const struct strv *words) {
  json_t *list = json_array();
  for (size_t i = 0; i < words->n; i++) json_array_append_new(list, json_string(words->v[i]));
  return list;
}

json_t *plan_json(const struct invocation *inv, const struct prepared *p, const struct runtime_info *info) {
  const struct settings *s = &inv->settings;
  json_t *plan = json_object();
  const char *name = p->release_name ? p->release_name : s->name;
  json_object_set_new(plan, "release",
                      json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?}", "name", name, "source", s->source.text,
                                "image", p->image, "image_id", p->image_id, "digest", p->digest));
  json_object_set_new(plan, "app", json_pack("s?", p->app));
  json_object_set_new(plan, "task", json_pack("s?", s->task));
  json_object_set_new(plan, "command", words_json(&s->argv));
  json_object_set_new(
      plan, "runtime",
      json_pack("{s:s, s:s, s:s}", "kind", info->kind, "endpoint", info->endpoint, "version", info->version));
  json_object_set_new(
      plan, "from",
      json_pack("{s:s?, s:s?, s:s?}", "kind", p->target_kind, "name", p->target_name, "id", p->target_id));
  json_object_set_new(plan, "tty", json_boolean(s->tty));
  json_object_set_new(plan, "stdin", json_boolean(s->open_stdin));
  json_object_set_new(plan, "lock", json_pack("s?", inv->request.lock));
  json_object_set_new(plan, "once", json_pack("s?", inv->request.once));
  json_object_update_missing(plan, p->plan);
  json_t *notes = words_json(&p->notes);
  for (size_t i = 0; i < inv->notes.n; i++) json_array_append_new(notes, json_string(inv->notes.v[i]));
  for (size_t i = 0; i < s->notes.n; i++) json_array_append_new(notes, json_string(s->notes.v[i]));
  json_object_set_new(plan, "notes", notes);
  return plan;
}

/* Whose job it would be; only the id is not known before. The parts are labels and name, which are the
 * caller's. */
static struct identity identity_of(const struct invocation *inv, const struct prepared *p, const char *id,
                                   json_t **ret_labels, char *name, size_t size) {
  const struct job_request *r = &inv->request;
  struct outcome o;
  char once[65];
  outcome_init(&o);
  snprintf(o.id, sizeof o.id, "%s", id);
  actor_find(r->actor, &o);
  o.lock = xstrdup(r->lock);
  o.reason = xstrdup(r->reason);
  if (r->once) lock_once_hash(p->app, r->once, once);
  *ret_labels = job_labels(r, &o, p->app, r->once ? once : NULL);
  outcome_done(&o);
  if (r->lock)
    lock_container_name(p->app, r->lock, name, size);
  else
    snprintf(name, size, "run-once.%s", id);
  return (struct identity){.id = id,
                           .name = name,
                           .labels = *ret_labels,
                           .run_ms = r->timeout,
                           .start_ms = r->start_timeout,
                           .keep_ms = r->keep_for,
                           .stop_ms = r->stop_grace};
}

/* What create sends, and start: of a runtime with manifests an array of objects. */
static json_t *body_of(struct runtime *rt, const struct prepared *p, const struct identity *who) {
  if (rt->ops->manifest) return rt->ops->manifest(rt, p, who);
  if (rt->ops->body) return rt->ops->body(rt, p, who);
  json_t *body = json_deep_copy(p->request);
  json_object_update(json_object_in(body, "Labels"), who->labels);
  return body;
}

static json_t *request_of(struct runtime *rt, const struct invocation *inv, const struct prepared *p) {
  json_t *labels;
  char name[128];
  const char *id = rt->ops->manifest ? "example" : "<id>"; /* objects' names hold it, and must be some */
  struct identity who = identity_of(inv, p, id, &labels, name, sizeof name);
  json_t *body = body_of(rt, p, &who);
  json_decref(labels);
  return body;
}

static int print_json(json_t *value) {
  struct buf out;
  CLEANUP_FREE char *text = json_dumps(value, JSON_INDENT(2));
  json_decref(value);
  buf_init(&out, LIMIT_JSON);
  buf_printf(&out, "%s\n", text);
  return print_all(&out);
}

static int print_yaml(json_t *documents) {
  struct buf out;
  buf_init(&out, LIMIT_JSON);
  (void)yaml_write(&out, documents); /* far below the cap: the server takes 1.5 MB */
  json_decref(documents);
  return print_all(&out);
}

static bool wants_manifest(const struct options *o) {
  const char *form = option_text(o, OPT_OUTPUT);
  return form && strcmp(form, "manifest") == 0;
}

static int print_plan(const struct invocation *inv, const struct prepared *p, const struct engine *e,
                      const struct options *o) {
  const char *form = option_text(o, OPT_OUTPUT);
  bool manifest = wants_manifest(o);
  if (manifest || (form && strcmp(form, "engine") == 0)) {
    CLEANUP_JSON json_t *body = request_of(e->rt, inv, p);
    json_t *shown = plan_request(body, option_flag(o, OPT_SHOW_VALUES));
    return manifest ? print_yaml(shown) : print_json(shown);
  }
  json_t *plan = plan_json(inv, p, e->rt->ops->info(e->rt));
  if (form && strcmp(form, "json") == 0) return print_json(plan);
  struct buf out;
  buf_init(&out, LIMIT_JSON);
  plan_text(&out, plan);
  json_decref(plan);
  return print_all(&out);
}

/* As run would: a lock that is held refuses, an ended or half-created container does not hold it. */
static int check_lock(const struct invocation *inv, const struct prepared *p, struct runtime *rt,
                      struct error *err) {
  const struct job_request *r = &inv->request;
  if (!r->lock || r->if_locked != LOCKED_FAIL) return 0;
  char name[128];
  struct job_info holder = {0};
  struct error missing = ERROR_INIT;
  lock_container_name(p->app, r->lock, name, sizeof name);
  if (rt->ops->by_name(rt, name, &holder, &missing) < 0) {
    if (missing.kind == ERR_MISSING) return 0;
    *err = missing;
    return -1;
  }
  int result = 0;
  if (state_live(&holder.state))
    result =
        error_set(err, ERR_LOCKED, "lock '%s' of '%s': held by job %s of %s@%s; see `run-once jobs list`",
                  r->lock, p->app, holder.id ? holder.id : "?", holder.actor ? holder.actor : "?",
                  holder.host ? holder.host : "?");
  job_info_done(&holder);
  return result;
}

static int show(struct cli *c, struct invocation *inv, struct engine *e, struct prepared *p,
                struct error *err) {
  if (invocation_build(inv, c, err) < 0 || engine_open(e, inv->kind, &inv->endpoint, err) < 0 ||
      e->rt->ops->prepare(e->rt, &inv->settings, p, err) < 0)
    return -1;
  if (wants_manifest(&c->opts) && !e->rt->ops->manifest)
    return error_set(err, ERR_USAGE, "--output manifest: the %s runtime has none; engine shows its request",
                     inv->kind);
  if (!p->image_id && inv->request.pull == PULL_NEVER)
    return error_set(err, ERR_IMAGE, "image '%s': not on the engine, and --pull never", p->image);
  int status = print_plan(inv, p, e, &c->opts);
  return check_lock(inv, p, e->rt, err) < 0 ? -1 : status;
}

int cmd_plan(struct cli *c) {
  struct invocation inv;
  struct engine e = {0};
  struct prepared p = {0};
  struct error err = ERROR_INIT;
  int status = show(c, &inv, &e, &p, &err);
  if (status < 0) status = say_fault(&err);
  prepared_done(&p);
  engine_done(&e);
  invocation_done(&inv);
  return status;
}
