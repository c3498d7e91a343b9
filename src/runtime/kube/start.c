/* The Job, sent once, and the wait until its command runs. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLIGHT_MS 10000 /* a POST whose answer was lost has arrived by then, or will not */
#define LOOK_AGAIN_MS 200
#define NO_POD_MS 2000    /* then the Job's events are asked why there is none */
#define SILENT_MS 4000    /* a pod that waits so long has events that say more than its status */
#define TICK_MS 500       /* our own clock: no request is sent for it */
#define JOB_AGAIN_MS 5000 /* no pod, and no event: is the Job still there? */

/* One start under way. */
struct start {
  struct kube *k;
  struct kube_id id;
  struct kube_life *life;
  struct kube_pods *pods;
  struct kube_pods_user user;
  struct kube_watch *events; /* of the pod, or, before there is one, of the Job */
  char events_of[64];        /* uid */
  json_t *happened;          /* the events, the newest last */
  char *words;               /* told last as progress */
  char waiting_uid[64];      /* of the pod that is waited for; "": there is none yet */
  int64_t waiting_since, fault_since, job_looked;
};

/* --- the request --- */

static json_t *body_of(const struct start *s) {
  json_t *job = json_deep_copy(s->life->job);
  json_object_set_new(json_object_in(job, "metadata"), "ownerReferences",
                      json_pack("[{s:s, s:s, s:s, s:s}]", "apiVersion", "v1", "kind", "Secret", "name",
                                s->id.name, "uid", s->id.uid));
  return job;
}

static void note_job(struct start *s, const json_t *job) {
  const char *uid = json_str(job, "metadata.uid");
  snprintf(s->life->job_uid, sizeof s->life->job_uid, "%s", uid ? uid : "");
}

/* The Job of that name: is it the one that was sent? */
static int recognize(struct start *s, struct error *err) {
  CLEANUP_JSON json_t *job = NULL;
  if (kube_job(s->k, s->id.job, &job, err) < 0) return -1;
  if (json_object_get(json_at(job, "metadata.labels"), KUBE_LABEL_FENCE))
    return error_set(err, ERR_CONFLICT, "start failed: the job was taken away by someone else");
  note_job(s, job);
  return 0;
}

/* The answer never came. Found under its name it has arrived, and nobody else uses that name. */
static int look_for_it(struct start *s, struct error *err) {
  struct error lost = *err;
  for (int64_t until = clock_ms() + FLIGHT_MS;;) {
    struct error fault = ERROR_INIT;
    if (recognize(s, &fault) == 0) return 0;
    if (fault.kind == ERR_CONFLICT) {
      *err = fault;
      return -1;
    }
    if (clock_ms() >= until) break;
    loop_pause(s->k->loop, LOOK_AGAIN_MS);
  }
  *err = lost;
  return -1;
}

/* Definitely not done: what was refused cannot arrive later. */
static bool refused(const struct error *fault) {
  return fault->kind == ERR_UNREACHABLE ||
         (fault->http_status >= 400 && fault->http_status < 500 && fault->kind != ERR_CONFLICT &&
          fault->kind != ERR_TIMEOUT && fault->kind != ERR_LOST);
}

static int send_job(struct start *s, struct error *err) {
  CLEANUP_FREE char *path = kube_path(s->k, "batch/v1", "jobs", NULL, NULL);
  CLEANUP_JSON json_t *body = body_of(s), *made = NULL;
  struct kube_request req = {.method = "POST", .path = path, .body = body, .changes = true};
  struct interrupt before = loop_set_interrupt(s->k->loop, (struct interrupt){0});
  struct error fault = ERROR_INIT;
  s->life->sent = true;
  int rc = kube_json(s->k, &req, "start failed", &made, &fault);
  if (rc < 0 && refused(&fault)) s->life->sent = false;
  bool garbled = rc < 0 && fault.kind == ERR_ENGINE && fault.http_status == 0;
  if (rc == 0)
    note_job(s, made);
  else if (fault.kind == ERR_CONFLICT)
    rc = recognize(s, &fault);
  else if (fault.kind == ERR_LOST || fault.kind == ERR_TIMEOUT || garbled)
    rc = look_for_it(s, &fault);
  loop_set_interrupt(s->k->loop, before);
  if (rc < 0 && err) *err = fault;
  return rc;
}

/* --- events --- */

static const char *event_uid(const json_t *e) {
  return json_str(e, "metadata.uid");
}

/* An event is told again with a higher count: it moves to the end. */
static void on_event(void *data, json_t *event, bool added) {
  struct start *s = data;
  const char *uid = event_uid(event);
  (void)added;
  for (size_t i = 0; uid && i < json_array_size(s->happened); i++) {
    const char *known = event_uid(json_array_get(s->happened, i));
    if (known && !strcmp(known, uid)) {
      json_array_remove(s->happened, i);
      break;
    }
  }
  json_array_append(s->happened, event);
}

/* Whoever may not read events gets the pod's own words. */
static void watch_events(struct start *s, const char *uid) {
  static const struct kube_watch_handlers h = {.on_object = on_event};
  struct error none = ERROR_INIT;
  if (!uid || !*uid || !strcmp(s->events_of, uid)) return;
  CLEANUP_FREE char *path = kube_path(s->k, "", "events", NULL, NULL);
  CLEANUP_FREE char *field = xprintf("involvedObject.uid=%s", uid);
  snprintf(s->events_of, sizeof s->events_of, "%s", uid);
  kube_watch_free(TAKE(s->events));
  json_array_clear(s->happened);
  if (kube_watch_begin(s->k, path, NULL, field, &h, s, &s->events, &none) < 0)
    trace(TRACE_RUNTIME, "events: %s", none.text);
}

/* --- waiting --- */

static void on_change(void *data) {
  (void)data; /* seen behind the loop's step */
}

static void say(struct start *s, const json_t *pod) {
  const struct runtime_voice *v = &s->k->base.voice;
  char *words = kube_waiting_words(pod, pod ? kube_container(pod) : NULL);
  bool news = !s->words || strcmp(s->words, words) != 0;
  free(s->words);
  s->words = words;
  if (news && v->progress) v->progress(v->data, words);
}

static void say_warnings(struct kube *k) {
  const struct runtime_voice *v = &k->base.voice;
  while (k->warnings.n && v->notice) {
    CLEANUP_FREE char *line = strv_shift(&k->warnings);
    v->notice(v->data, line);
  }
}

/* It has ended, or never began: what start() says of it. */
static int ended(const struct container_state *st, struct error *err) {
  const char *words = st->error[0] ? st->error : "the pod ended before the command began";
  if (st->ever_started) return 0;
  if (st->exit_code == 126) return error_set(err, ERR_NOT_EXECUTABLE, "start failed: %s", words);
  if (st->exit_code == 127) return error_set(err, ERR_NOT_FOUND, "start failed: %s", words);
  if (st->end == END_DEADLINE)
    return error_set(err, ERR_DEADLINE_START, "the command did not begin within --start-timeout: %s", words);
  return error_set(err, ERR_ENGINE, "start failed: %s", words);
}

/* Somebody deleted the Job before there was a pod, or with it. */
static int job_there(struct start *s, struct error *err) {
  CLEANUP_JSON json_t *job = NULL;
  struct error fault = ERROR_INIT;
  if (clock_ms() - s->job_looked < JOB_AGAIN_MS) return 0;
  s->job_looked = clock_ms();
  if (kube_job(s->k, s->id.job, &job, &fault) == 0 || fault.kind != ERR_MISSING) return 0;
  return error_set(err, ERR_ENGINE,
                   "start failed: the Job was deleted by someone else before the command began");
}

/* ERR_NONE: there is hope. */
static enum error_kind hopeless(struct start *s, const json_t *pod, struct error *err) {
  struct error fault = ERROR_INIT;
  const char *container = pod ? kube_container(pod) : NULL;
  int64_t now = clock_ms(), waited = now - s->waiting_since;
  if (!pod && waited >= NO_POD_MS) {
    watch_events(s, s->life->job_uid);
    if (job_there(s, err) < 0) return err->kind;
  }
  bool at_once = pod && kube_hopeless(pod, container, NULL, INT64_MAX, &fault) != ERR_NONE;
  if (pod && (at_once || waited >= SILENT_MS)) watch_events(s, json_str(pod, "metadata.uid"));
  if (kube_hopeless(pod, container, s->happened, INT64_MAX, &fault) == ERR_NONE) {
    s->fault_since = 0;
    return ERR_NONE;
  }
  if (!s->fault_since) s->fault_since = now;
  return kube_hopeless(pod, container, s->happened, now - s->fault_since, err);
}

/* 1: it runs or has ended; 0: it waits; -1: no hope, or interrupted. */
static int look(struct start *s, struct error *err) {
  struct container_state st;
  json_t *pod = kube_pods_gone(s->pods) && !kube_pods_began(s->pods) ? NULL : kube_pods_first(s->pods);
  enum kube_phase phase = pod ? kube_status(pod, kube_container(pod), &st) : KUBE_WAITING;
  if (kube_pods_began(s->pods) || phase == KUBE_RUNNING) return 1;
  if (phase == KUBE_ENDED) return ended(&st, err) < 0 ? -1 : 1;
  if (kube_pods_doubtful(s->pods))
    return error_set(err, ERR_ENGINE,
                     "start failed: its pod was deleted by someone else while its node was "
                     "starting it");
  if (kube_pods_trouble(s->pods)) return 0; /* the watch comes back, or --start-timeout passes */
  say(s, pod);
  return hopeless(s, pod, err) != ERR_NONE ? -1 : 0;
}

/* Another pod than before: it has all its time before it. */
static void note_pod(struct start *s, const json_t *pod) {
  const char *uid = pod ? json_str(pod, "metadata.uid") : NULL;
  if (!strcmp(s->waiting_uid, uid ? uid : "")) return;
  snprintf(s->waiting_uid, sizeof s->waiting_uid, "%s", uid ? uid : "");
  s->waiting_since = clock_ms();
  s->fault_since = 0;
}

static int await(struct start *s, struct error *err) {
  for (int rc;;) {
    note_pod(s, kube_pods_first(s->pods));
    if ((rc = look(s, err))) return rc;
    if (loop_interrupted(s->k->loop, err) != ERR_NONE) return -1;
    loop_step(s->k->loop, TICK_MS);
  }
}

static void start_done(struct start *s) {
  kube_watch_free(s->events);
  kube_pods_take_out(s->pods, &s->user);
  json_decref(s->happened);
  free(s->words);
}

/* The wait that was begun before start() keeps the pods watched; here it is made sure of. */
static int begin(struct start *s, struct kube *k, const char *text, struct error *err) {
  *s = (struct start){.k = k};
  if (kube_id_parse(text, &s->id, err) < 0) return -1;
  s->life = kube_life_of(k, s->id.job);
  if (!s->life || !s->life->job)
    return error_set(err, ERR_ENGINE, "start failed: job %s was not made here", s->id.job);
  if (kube_pods(k, s->id.job, &s->pods, err) < 0) return -1;
  s->user = (struct kube_pods_user){.on_change = on_change};
  kube_pods_add(s->pods, &s->user);
  s->happened = json_array();
  s->waiting_since = s->job_looked = clock_ms();
  return 0;
}

/* Interrupted, or hopeless: nobody may find out later that it ran all the same. */
static int give_up(struct start *s, enum error_kind why) {
  const json_t *pod = kube_pods_first(s->pods);
  if (pod && kube_status(pod, kube_container(pod), NULL) == KUBE_ENDED) return -1; /* it is over */
  return kube_revoke(s->k, &s->id, s->life->job_uid, s->pods, why) ? 0 : error_failed();
}

/* It runs: no second pod may find the ticket. That is owed whatever interrupts. */
static void take_ticket_out(struct start *s) {
  const json_t *pod = kube_pods_first(s->pods);
  struct error none = ERROR_INIT;
  if (!pod || s->life->ticket_out || kube_status(pod, kube_container(pod), NULL) != KUBE_RUNNING) return;
  struct interrupt before = loop_set_interrupt(s->k->loop, (struct interrupt){0});
  if (kube_take_ticket(s->k, &s->id, s->life->job_uid, &none) == 0)
    s->life->ticket_out = true;
  else
    trace(TRACE_RUNTIME, "the ticket stays: %s", none.text);
  loop_set_interrupt(s->k->loop, before);
}

int kube_start(struct runtime *rt, const char *text, struct error *err) {
  struct kube *k = (struct kube *)rt;
  struct start s;
  struct error fault = ERROR_INIT;
  if (begin(&s, k, text, err) < 0) return -1;
  int rc = send_job(&s, &fault);
  say_warnings(k);
  if (rc == 0) {
    rc = await(&s, &fault);
    rc = rc < 0 ? give_up(&s, fault.kind) : 0;
  }
  if (rc == 0) take_ticket_out(&s);
  start_done(&s);
  if (rc < 0 && err) *err = fault;
  return rc;
}
