/* Jobs as their objects tell them: Secret, Job and pods of label run-once/id, one list of each. */
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_MS 100

static char *label(json_t *labels, const char *key) {
  return xstrdup(json_string_value(json_object_get(labels, key)));
}

static const char *job_id_of(const json_t *object) {
  return json_string_value(json_object_get(json_at(object, "metadata.labels"), KUBE_LABEL_ID));
}

static char *shown(const json_t *words) {
  struct buf text;
  size_t i;
  json_t *word;
  buf_init(&text, 4u << 20);
  json_array_foreach(words, i, word) {
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

/* The container whose end counts, of a pod or of a Job's template. */
static const json_t *container_of(const json_t *spec, const char *name) {
  size_t i;
  json_t *c;
  json_array_foreach(json_at(spec, "containers"), i, c) {
    const char *is = json_str(c, "name");
    if (is && name && !strcmp(is, name)) return c;
  }
  return json_array_get(json_at(spec, "containers"), 0);
}

static void read_container(const json_t *pod_or_template, struct job_info *i) {
  const json_t *c = container_of(json_at(pod_or_template, "spec"), kube_container(pod_or_template));
  const json_t *args = json_at(c, "args");
  i->image = xstrdup(json_str(c, "image"));
  i->tty = json_is(c, "tty");
  i->open_stdin = json_is(c, "stdin");
  add_words(json_at(c, "command"), &i->argv);
  add_words(args, &i->argv);
  i->command = shown(args ? args : json_at(c, "command"));
}

/* From whichever object there is; all carry the same. */
static void read_labels(const json_t *object, struct job_info *i) {
  json_t *labels = kube_labels_back(json_at(object, "metadata"));
  i->labels = labels;
  i->id = label(labels, "run-once.id");
  i->name = label(labels, "run-once.name");
  i->app = label(labels, "run-once.app");
  i->lock = label(labels, "run-once.lock");
  i->once = label(labels, "run-once.once");
  i->actor = label(labels, "run-once.actor");
  i->host = label(labels, "run-once.host");
  i->reason = label(labels, "run-once.reason");
  i->deadline = label(labels, "run-once.deadline");
  i->created = xstrdup(json_str(object, "metadata.creationTimestamp"));
}

/* What was listed, found by job id. */
struct lists {
  json_t *secrets, *jobs, *pods; /* arrays */
};

static json_t *find(json_t *list, const char *job_id) {
  size_t i;
  json_t *o;
  json_array_foreach(list, i, o) {
    const char *id = job_id_of(o);
    if (id && !strcmp(id, job_id)) return o;
  }
  return NULL;
}

/* The pod that counts, of a list: pods.h. */
static json_t *find_pod(json_t *list, const char *job_id) {
  json_t *found = NULL;
  bool found_began = false;
  size_t i;
  json_t *o;
  json_array_foreach(list, i, o) {
    struct container_state s;
    const char *id = job_id_of(o), *at = json_str(o, "metadata.creationTimestamp");
    if (!id || strcmp(id, job_id)) continue;
    if (!at) at = "";
    (void)kube_status(o, kube_container(o), &s);
    const char *best = found ? json_str(found, "metadata.creationTimestamp") : "";
    if (!best) best = "";
    bool better = !found || (s.ever_started && !found_began) ||
                  (s.ever_started == found_began && (strcmp(at, best) < 0) == s.ever_started);
    if (!better) continue;
    found = o;
    found_began = s.ever_started;
  }
  return found;
}

/* Without a pod that tells, as state.c has it, but by what was listed. */
static void state_without_pod(const struct lists *l, const char *job_id, struct container_state *s) {
  const json_t *job = find(l->jobs, job_id), *secret = find(l->secrets, job_id);
  const char *over = kube_job_over(job);
  bool ticket = kube_has_ticket(secret, job_id);
  bool fence = json_object_get(json_at(job, "metadata.labels"), KUBE_LABEL_FENCE) != NULL;
  s->exit_code = -1;
  const char *at = json_str(secret ? secret : job, "metadata.creationTimestamp");
  snprintf(s->created_at, sizeof s->created_at, "%s", at ? at : "");
  if (ticket && !over) {
    s->status = job && !fence ? STATE_RUNNING : STATE_CREATED;
    return;
  }
  s->status = STATE_DEAD;
  s->ever_started = !ticket;
  s->end = over && !strcmp(over, "DeadlineExceeded") ? END_DEADLINE : END_GONE;
}

static bool asked(const json_t *job) {
  return json_object_get(json_at(job, "metadata.annotations"), KUBE_NOTICE) != NULL;
}

static void read_state(const struct lists *l, const char *job_id, struct container_state *s) {
  const json_t *pod = find_pod(l->pods, job_id), *secret = find(l->secrets, job_id);
  enum kube_phase phase = pod ? kube_status(pod, kube_container(pod), s) : KUBE_WAITING;
  if (!pod || (phase == KUBE_WAITING && !kube_has_ticket(secret, job_id))) {
    memset(s, 0, sizeof *s);
    state_without_pod(l, job_id, s);
  } else if (phase != KUBE_ENDED) {
    s->status = STATE_RUNNING;
  } else if (s->end == END_DELETED && asked(find(l->jobs, job_id))) {
    s->end = END_STOPPED;
  }
}

static void read_job(const struct lists *l, const char *job_id, struct job_info *ret) {
  json_t *job = find(l->jobs, job_id), *secret = find(l->secrets, job_id), *pod = find_pod(l->pods, job_id);
  memset(ret, 0, sizeof *ret);
  read_labels(job ? job : secret ? secret : pod, ret);
  const json_t *from = pod ? pod : json_at(job, "spec.template");
  if (from) read_container(from, ret);
  if (secret)
    ret->container =
        kube_id_text(json_str(secret, "metadata.name"), json_str(secret, "metadata.uid"), job_id);
  else
    ret->container = kube_id_of_job(job ? job : pod, job_id);
  read_state(l, job_id, &ret->state);
}

static int list_of(struct kube *k, const char *group, const char *resource, const char *selector,
                   json_t **ret, struct error *err) {
  CLEANUP_FREE char *path = kube_list_path(k, group, resource, selector);
  CLEANUP_JSON json_t *list = NULL;
  if (kube_get(k, path, "listing jobs failed", &list, err) < 0) return -1;
  json_t *items = json_at(list, "items");
  *ret = items ? json_incref(items) : json_array();
  return 0;
}

static void lists_done(struct lists *l) {
  json_decref(l->secrets);
  json_decref(l->jobs);
  json_decref(l->pods);
}

/* Ids in the order of the lists, each once, less those that are skipped. */
static void collect(const json_t *list, job_skip *skip, struct strv *ids) {
  size_t i;
  json_t *o;
  json_array_foreach(list, i, o) {
    const char *id = job_id_of(o);
    if (id && !strv_has(ids, id) && !(skip && skip(id))) strv_add(ids, id);
  }
}

static bool runs(const struct container_state *s) {
  return s->status == STATE_RUNNING || s->status == STATE_PAUSED;
}

int kube_jobs(struct runtime *rt, bool ended_only, job_skip *skip, struct job_list *ret, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct lists l = {0};
  struct strv ids = {0};
  struct job_list jobs = {0};
  /* While somebody's job runs: a log that is just being read is soon over, one that is followed is not. */
  if (ended_only) http_wait_free(k->http, SHORT_MS);
  int rc = list_of(k, "", "secrets", KUBE_LABEL_ID, &l.secrets, err);
  if (rc == 0) rc = list_of(k, "batch/v1", "jobs", KUBE_LABEL_ID, &l.jobs, err);
  if (rc == 0) {
    collect(l.jobs, skip, &ids);
    collect(l.secrets, skip, &ids);
  }
  if (rc == 0 && ids.n) rc = list_of(k, "", "pods", KUBE_LABEL_ID, &l.pods, err);
  jobs.jobs = xcalloc(ids.n + 1, sizeof *jobs.jobs);
  for (size_t i = 0; rc == 0 && i < ids.n; i++) {
    struct job_info *j = &jobs.jobs[jobs.n];
    read_job(&l, ids.v[i], j);
    if (ended_only && runs(&j->state))
      job_info_done(j);
    else
      jobs.n++;
  }
  lists_done(&l);
  strv_done(&ids);
  if (rc == 0)
    *ret = jobs;
  else
    job_list_done(&jobs);
  return rc;
}

/* All there is of one job. */
static int one_job(struct kube *k, const char *job_id, struct job_info *ret, struct error *err) {
  CLEANUP_FREE char *selector = xprintf(KUBE_LABEL_ID "=%s", job_id);
  struct lists l = {0};
  int rc = list_of(k, "", "secrets", selector, &l.secrets, err);
  if (rc == 0) rc = list_of(k, "batch/v1", "jobs", selector, &l.jobs, err);
  if (rc == 0) rc = list_of(k, "", "pods", selector, &l.pods, err);
  if (rc == 0 && !find(l.secrets, job_id) && !find(l.jobs, job_id) && !find(l.pods, job_id))
    rc = error_set(err, ERR_MISSING, "job %s is gone", job_id);
  if (rc == 0) read_job(&l, job_id, ret);
  lists_done(&l);
  return rc;
}

/* Who holds the name: the Secret's job; without one, a pod that outlived its Secret. */
int kube_by_name(struct runtime *rt, const char *name, struct job_info *ret, struct error *err) {
  struct kube *k = (struct kube *)rt;
  char object[64];
  kube_object_name(name, object);
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", object, NULL);
  CLEANUP_JSON json_t *secret = NULL, *list = NULL;
  json_t *pod = NULL;
  struct error fault = ERROR_INIT;
  if (kube_get(k, path, "looking at the holder failed", &secret, &fault) == 0) {
    const char *id = job_id_of(secret);
    if (id) return one_job(k, id, ret, err);
    return error_set(err, ERR_CONFLICT, "the name %s is taken by a Secret that is none of run-once's",
                     object);
  }
  if (fault.kind != ERR_MISSING) {
    if (err) *err = fault;
    return -1;
  }
  if (kube_stray(k, object, NULL, &list, &pod, err) < 0) return -1;
  const char *id = pod ? job_id_of(pod) : NULL;
  return id ? one_job(k, id, ret, err) : error_set(err, ERR_MISSING, "no job is called %s", name);
}
