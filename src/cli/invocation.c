#include "cli/invocation.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/json.h"
#include "net/choose.h"
#include <stdlib.h>
#include <string.h>

/* The name of a task leaves the words: what follows is appended to its command. */
static const char *task_name(struct cli *c) {
  if (c->command->id == CMD_PLAN) return option_text(&c->opts, OPT_TASK);
  if (c->command->id != CMD_TASK || c->argc == 0) return NULL;
  c->argc--;
  return *c->argv++;
}

static int load(struct invocation *inv, struct cli *c, struct error *err) {
  char *note = NULL;
  const char *name = task_name(c);
  if (release_load(option_text(&c->opts, OPT_RELEASE), &inv->release, &note, err) < 0) return -1;
  if (note) strv_take(&inv->notes, note);
  if (!name) return 0;
  if (!inv->release)
    return error_set(err, ERR_USAGE,
                     "task %s: there is no release file (./release.yaml, "
                     "/etc/run-once/release.yaml); use --release FILE",
                     name);
  return release_task(inv->release, name, &inv->task, err);
}

static int add_task_word(struct options *o, enum option_id id, const char *word, const char *where,
                         struct error *err) {
  if (!word) return 0;
  CLEANUP_FREE char *origin = xprintf("%s: %s", where, option_rows[id].name);
  return option_add(o, id, word, LAYER_TASK, origin, err);
}

static int layer_release(struct invocation *inv, struct options *o, option_mask mask, struct error *err) {
  const struct release *r = inv->release;
  if (!r) return 0;
  CLEANUP_FREE char *where = xprintf("%s: defaults", r->file);
  if (options_pairs(o, mask, &r->defaults, LAYER_DEFAULTS, where, err) < 0) return -1;
  if (inv->task) {
    const struct task *t = inv->task;
    CLEANUP_FREE char *place = xprintf("%s:%d: task %s", r->file, t->line, t->name);
    if (options_pairs(o, mask, &t->options, LAYER_TASK, place, err) < 0 ||
        add_task_word(o, OPT_LOCK, t->lock, place, err) < 0 ||
        add_task_word(o, OPT_ONCE, t->once, place, err) < 0)
      return -1;
  }
  return release_settings(r, inv->task, &inv->settings, err);
}

/* Docker's users have their keys in its config.json. A broken file is doctor's to tell: it is no fault of a
 * run. */
static char *docker_detach_keys(void) {
  CLEANUP_FREE char *folder = docker_config_dir();
  CLEANUP_FREE char *path = folder ? xprintf("%s/config.json", folder) : NULL;
  struct error unsaid = ERROR_INIT;
  struct buf text;
  if (!path || !file_exists(path) || file_read(path, LIMIT_CONFIG_JSON, &text, &unsaid) < 0) return NULL;
  CLEANUP_JSON json_t *config = json_parse(text.data ? text.data : "", text.len, &unsaid);
  buf_done(&text);
  const char *keys = json_str(config, "detachKeys");
  return keys && *keys ? xstrdup(keys) : NULL;
}

static void choose_detach_keys(struct invocation *inv, const struct options *o) {
  if (!inv->settings.tty || option_text(o, OPT_DETACH_KEYS)) return;
  inv->detach_keys = docker_detach_keys();
  if (inv->detach_keys) inv->request.detach_keys = inv->detach_keys;
}

/* A source that is a file is the ground: what the release file and the options say goes over it. */
static int layer_source(struct invocation *inv, const struct options *o, struct error *err) {
  const char *from = option_text(o, OPT_FROM);
  if (!from && inv->release) from = inv->release->from;
  if (!from || strncmp(from, "file:", 5) != 0) return 0;
  if (source_parse(from, &inv->settings.source, err) < 0) return -1;
  return compose_settings(&inv->settings, err);
}

/* A pod's template alone is enough where there are pods. */
static int check_template(const struct invocation *inv, struct error *err) {
  const struct settings *s = &inv->settings;
  if (s->source.kind != SOURCE_NONE || s->image || !strcmp(inv->kind, "kubernetes")) return 0;
  return error_set(
      err, ERR_USAGE,
      "no release given: kubernetes.template %s is read on Kubernetes only; add runtime: kubernetes, or "
      "from: or image:",
      s->kube.template_file);
}

int invocation_build(struct invocation *inv, struct cli *c, struct error *err) {
  memset(inv, 0, sizeof *inv);
  inv->kind = "docker";
  settings_init(&inv->settings);
  if (load(inv, c, err) < 0) return -1;
  if (layer_source(inv, &c->opts, err) < 0) return -1;
  if (layer_release(inv, &c->opts, 1u << c->command->id, err) < 0) return -1;
  if (overlay_command(&inv->settings, c, inv->task, err) < 0) return -1;
  if (overlay_settings(&inv->settings, &c->opts, &inv->notes, err) < 0) return -1;
  if (request_build(&inv->request, &inv->settings, &c->opts, inv->task, err) < 0) return -1;
  choose_detach_keys(inv, &c->opts);
  if (invocation_target(&c->opts, inv->release, &inv->kind, &inv->endpoint, err) < 0) return -1;
  return check_template(inv, err);
}

void invocation_done(struct invocation *inv) {
  settings_done(&inv->settings);
  endpoint_done(&inv->endpoint);
  strv_done(&inv->notes);
  free(inv->detach_keys);
  release_free(inv->release);
}
