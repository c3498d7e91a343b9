/* Jobs as their containers tell them. The list names them, an inspect of each tells the state: a list has no
 * exit code. */
#include "base/alloc.h"
#include "data/json.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include <stdlib.h>
#include <string.h>

#define ALL "{\"label\":[\"run-once.id\"]}"
#define ENDED "{\"label\":[\"run-once.id\"],\"status\":[\"created\",\"exited\",\"dead\"]}"

static json_t *own_labels(const json_t *inspect) {
  json_t *labels = json_object(), *value;
  const char *key;
  json_object_foreach(json_at(inspect, "Config.Labels"), key, value) {
    if (!strncmp(key, "run-once.", 9)) json_object_set(labels, key, value);
  }
  return labels;
}

/* Label keys hold dots: no json_str(). */
static char *label(const json_t *labels, const char *key) {
  return xstrdup(json_string_value(json_object_get(labels, key)));
}

/* Cmd as people typed it, for people: a list shows it, nobody takes it apart again. */
static char *shown_command(const json_t *inspect) {
  struct buf text;
  size_t i;
  json_t *word;
  buf_init(&text, 4u << 20);
  json_array_foreach(json_at(inspect, "Config.Cmd"), i, word) {
    if (json_is_string(word)) (void)buf_printf(&text, "%s%s", text.len ? " " : "", json_string_value(word));
  }
  return buf_take(&text);
}

static void add_words(const json_t *words, struct strv *ret) {
  size_t i;
  json_t *word;
  json_array_foreach(words, i, word) {
    if (json_is_string(word)) strv_add(ret, json_string_value(word));
  }
}

/* image: made by id, it is told by id; Podman would tell one of its names. */
static void read_job(const json_t *inspect, bool podman, struct job_info *ret) {
  const char *name = json_str(inspect, "Name");
  json_t *labels = own_labels(inspect);
  *ret = (struct job_info){.id = label(labels, "run-once.id"),
                           .container = xstrdup(json_str(inspect, "Id")),
                           .name = xstrdup(name && *name == '/' ? name + 1 : name),
                           .app = label(labels, "run-once.app"),
                           .lock = label(labels, "run-once.lock"),
                           .once = label(labels, "run-once.once"),
                           .actor = label(labels, "run-once.actor"),
                           .host = label(labels, "run-once.host"),
                           .reason = label(labels, "run-once.reason"),
                           .deadline = label(labels, "run-once.deadline"),
                           .image = xstrdup(json_str(inspect, podman ? "Image" : "Config.Image")),
                           .command = shown_command(inspect),
                           .created = xstrdup(json_str(inspect, "Created")),
                           .tty = json_is(inspect, "Config.Tty"),
                           .open_stdin = json_is(inspect, "Config.OpenStdin"),
                           .labels = labels};
  add_words(json_at(inspect, "Config.Entrypoint"), &ret->argv);
  add_words(json_at(inspect, "Config.Cmd"), &ret->argv);
  docker_read_state(inspect, &ret->state);
}

static int inspect_job(struct docker *d, const char *id, struct job_info *ret, struct error *err) {
  CLEANUP_FREE char *escaped = http_escape(id);
  CLEANUP_FREE char *path = xprintf("/containers/%s/json", escaped);
  CLEANUP_FREE char *what = xprintf("looking at container %s failed", id);
  CLEANUP_JSON json_t *inspect = NULL;
  if (docker_json_as(d, path, what, &inspect, err) < 0) return -1;
  read_job(inspect, d->podman, ret);
  return 0;
}

/* Hundreds of jobs at once see each other in this list. */
static const char *const row_keys[] = {"Id", "Labels.run-once.id", NULL};

int docker_jobs(struct runtime *rt, bool ended_only, job_skip *skip, struct job_list *ret,
                struct error *err) {
  struct docker *d = (struct docker *)rt;
  CLEANUP_FREE char *filters = http_escape(!ended_only ? ALL : d->podman ? podman_ended : ENDED);
  CLEANUP_FREE char *path = xprintf("/containers/json?all=1&filters=%s", filters);
  CLEANUP_JSON json_t *list = NULL;
  struct job_list jobs = {0};
  if (docker_json_part(d, path, "listing jobs failed", row_keys, &list, err) < 0) return -1;
  jobs.jobs = xcalloc(json_array_size(list) + 1, sizeof *jobs.jobs);
  for (size_t i = 0; i < json_array_size(list); i++) {
    struct error fault = ERROR_INIT;
    const json_t *row = json_array_get(list, i);
    const char *id = json_str(row, "Id");
    const char *job = json_string_value(json_object_get(json_at(row, "Labels"), "run-once.id"));
    if (!id || (skip && job && skip(job))) continue;
    if (inspect_job(d, id, &jobs.jobs[jobs.n], &fault) == 0) {
      jobs.n++;
    } else if (fault.kind != ERR_MISSING) { /* one that has just been removed is no fault */
      job_list_done(&jobs);
      if (err) *err = fault;
      return -1;
    }
  }
  *ret = jobs;
  return 0;
}

/* The engine also takes the beginning of an id for a name: what it found must be called so. */
int docker_by_name(struct runtime *rt, const char *name, struct job_info *ret, struct error *err) {
  struct job_info job;
  if (inspect_job((struct docker *)rt, name, &job, err) < 0) return -1;
  if (job.name && !strcmp(job.name, name)) {
    *ret = job;
    return 0;
  }
  job_info_done(&job);
  return error_set(err, ERR_MISSING, "no container is called %s", name);
}
