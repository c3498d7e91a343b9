/* The pods of one job: what was ever seen of them, kept up to date by one watch as long as somebody wants to
 * know, and remembered afterwards. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include "runtime/kube/said.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODE_PATIENCE_MS                                                                                     \
  30000             /* behind the grace of a deletion: a node that answers has confirmed it by then */
#define PODS_MAX 64 /* of one job; a Job with backoffLimit 0 makes one, and a second by accident */

struct seen {
  char uid[64], created[40];
  json_t *last;
  bool began, gone, listed;
  bool deleted_first, ended_first; /* which of the two was told while the other was not the case yet */
};
struct kube_pods {
  struct kube *k;
  struct kube_pods *next; /* of k->pods */
  char job_id[64];
  struct kube_watch *watch; /* NULL: nobody wants to know */
  struct seen pods[PODS_MAX];
  size_t n;
  unsigned gone;
  bool trouble, node_lost, ticket_out, revoked;
  struct timer *patience;
  struct kube_pods_user *users, *next_user; /* next_user: where telling() goes on */
};

static char *selector_of(const char *job_id) {
  return xprintf(KUBE_LABEL_ID "=%s", job_id);
}

/* Users may take out themselves and each other while they are told. */
static void tell(struct kube_pods *p) {
  for (struct kube_pods_user *u = p->users; u; u = p->next_user) {
    p->next_user = u->next;
    u->on_change(u->data);
  }
  p->next_user = NULL;
}

static struct seen *first_of(const struct kube_pods *p) {
  struct seen *found = NULL;
  for (size_t i = 0; i < p->n; i++) {
    const struct seen *s = &p->pods[i];
    if (!found)
      found = (struct seen *)s;
    else if (s->began != found->began)
      found = s->began ? (struct seen *)s : found;
    else if (s->began ? strcmp(s->created, found->created) < 0
                      : !s->gone && (found->gone || strcmp(s->created, found->created) > 0))
      found = (struct seen *)s;
  }
  return found;
}

/* --- a node that does not answer --- */

static void on_patience(void *data) {
  struct kube_pods *p = data;
  const struct seen *f = first_of(p);
  timer_free(TAKE(p->patience));
  if (!f || f->gone || kube_status(f->last, kube_container(f->last), NULL) == KUBE_ENDED) return;
  trace(TRACE_RUNTIME, "the node of the pod does not answer");
  p->node_lost = true;
  tell(p);
}

/* A pod that is deleted ends within its grace, or nobody is there to end it. A node that is silent may come
 * back: the cluster waited for it before it said so, and it is given as long again. */
static void look_at_node(struct kube_pods *p, const struct seen *s) {
  enum kube_phase phase = kube_status(s->last, kube_container(s->last), NULL);
  bool deleted = kube_deletion(s->last);
  bool doubt = s->began && !s->gone && phase == KUBE_RUNNING && (deleted || kube_silent(s->last));
  if (!s->began && !s->gone && phase == KUBE_WAITING && json_str(s->last, "spec.nodeName")) doubt = deleted;
  if (phase == KUBE_LOST) p->node_lost = true;
  if (phase == KUBE_RUNNING && !doubt) p->node_lost = false; /* it answers again */
  if (doubt && !p->patience) {
    int64_t grace = deleted ? json_int_or(s->last, "metadata.deletionGracePeriodSeconds", 30) * 1000 : 0;
    p->patience = loop_timer(p->k->loop, grace + NODE_PATIENCE_MS, on_patience, p);
  } else if (!doubt && p->patience && s == first_of(p)) {
    timer_free(TAKE(p->patience));
  }
}

/* --- what is told --- */

static struct seen *seen_of(struct kube_pods *p, const json_t *pod) {
  const char *uid = json_str(pod, "metadata.uid"), *created = json_str(pod, "metadata.creationTimestamp");
  if (!uid) return NULL;
  for (size_t i = 0; i < p->n; i++)
    if (!strcmp(p->pods[i].uid, uid)) return &p->pods[i];
  if (p->n == PODS_MAX) return NULL;
  struct seen *s = &p->pods[p->n++];
  snprintf(s->uid, sizeof s->uid, "%s", uid);
  snprintf(s->created, sizeof s->created, "%s", created ? created : "");
  return s;
}

/* An end stays an end: what a watch tells may be older than what a list told meanwhile. */
static bool take(struct kube_pods *p, json_t *pod) {
  struct seen *s = seen_of(p, pod);
  struct container_state state;
  if (!s) return false;
  const char *container = kube_container(pod);
  enum kube_phase phase = kube_status(pod, container, &state);
  bool ended = s->last && kube_status(s->last, container, NULL) == KUBE_ENDED;
  s->listed = true;
  if (ended && phase != KUBE_ENDED) return false;
  if (phase != KUBE_ENDED)
    s->deleted_first = s->deleted_first || kube_deletion(pod);
  else if (!ended)
    s->ended_first = !kube_deletion(pod);
  json_incref(pod);
  json_decref(s->last);
  s->last = pod;
  if (state.ever_started && !kube_made_up(pod)) s->began = true;
  look_at_node(p, s);
  return true;
}

static void lose(struct kube_pods *p, struct seen *s) {
  if (!s || s->gone) return;
  s->gone = true;
  p->gone++;
  if (s == first_of(p)) timer_free(TAKE(p->patience));
}

static void on_object(void *data, json_t *pod, bool added) {
  struct kube_pods *p = data;
  (void)added;
  if (take(p, pod)) tell(p);
}

static void on_gone(void *data, json_t *last) {
  struct kube_pods *p = data;
  take(p, last);
  lose(p, seen_of(p, last));
  tell(p);
}

static void on_trouble(void *data, const struct error *err) {
  struct kube_pods *p = data;
  p->trouble = err != NULL;
  tell(p);
}

static void begin_list(struct kube_pods *p) {
  for (size_t i = 0; i < p->n; i++) p->pods[i].listed = false;
}
static void end_list(struct kube_pods *p) {
  for (size_t i = 0; i < p->n; i++)
    if (!p->pods[i].listed) lose(p, &p->pods[i]);
}

/* --- the watch --- */

static void destroy(struct kube_pods *p) {
  kube_watch_free(p->watch);
  timer_free(p->patience);
  for (size_t i = 0; i < p->n; i++) json_decref(p->pods[i].last);
  free(p);
}

/* Whose pods are remembered: of the job that was made here, and of those that somebody watches. */
static bool wanted(const struct kube_pods *p, const char *job_id) {
  const struct kube_life *l = p->k->life;
  return p->users || !strcmp(p->job_id, job_id) || (l && !strcmp(p->job_id, l->job_id));
}

static struct kube_pods *pods_of(struct kube *k, const char *job_id) {
  struct kube_pods *found = NULL;
  for (struct kube_pods **at = &k->pods; *at;) {
    struct kube_pods *p = *at;
    if (!strcmp(p->job_id, job_id)) found = p;
    if (wanted(p, job_id)) {
      at = &p->next;
      continue;
    }
    *at = p->next;
    destroy(p);
  }
  if (found) return found;
  found = xcalloc(1, sizeof *found);
  found->k = k;
  snprintf(found->job_id, sizeof found->job_id, "%s", job_id);
  found->next = k->pods;
  k->pods = found;
  return found;
}

struct kube_pods *kube_pods_known(struct kube *k, const char *job_id) {
  return pods_of(k, job_id);
}

static int begin(struct kube_pods *p, struct error *err) {
  /* What was asked for is not what is of interest: a pod is looked at for what became of it. */
  static const char *const unread[] = {"managedFields", "env",         "envFrom", "command", "args",
                                       "volumeMounts",  "tolerations", "volumes", NULL};
  static const struct kube_watch_handlers h = {on_object, on_gone, on_trouble, unread};
  CLEANUP_FREE char *path = kube_path(p->k, "", "pods", NULL, NULL);
  CLEANUP_FREE char *selector = selector_of(p->job_id);
  kube_watch_free(TAKE(p->watch));
  begin_list(p);
  if (kube_watch_begin(p->k, path, selector, NULL, &h, p, &p->watch, err) < 0) return -1;
  p->trouble = false;
  end_list(p);
  return 0;
}

int kube_pods(struct kube *k, const char *job_id, struct kube_pods **ret, struct error *err) {
  struct kube_pods *p = pods_of(k, job_id);
  if ((!p->watch || p->trouble) && begin(p, err) < 0) return -1;
  *ret = p;
  return 0;
}

int kube_pods_fresh(struct kube *k, const char *job_id, struct kube_pods **ret, struct error *err) {
  *ret = pods_of(k, job_id);
  return (*ret)->watch && !(*ret)->trouble ? 0 : kube_pods_list(*ret, err);
}

int kube_pods_list(struct kube_pods *p, struct error *err) {
  CLEANUP_FREE char *selector = selector_of(p->job_id);
  CLEANUP_FREE char *path = kube_list_path(p->k, "", "pods", selector);
  CLEANUP_JSON json_t *list = NULL;
  size_t i;
  json_t *pod;
  if (kube_get(p->k, path, "reading the job's pods failed", &list, err) < 0) return -1;
  begin_list(p);
  json_array_foreach(json_at(list, "items"), i, pod) {
    take(p, pod);
  }
  end_list(p);
  return 0;
}

void kube_pods_free(struct kube_pods *p) {
  for (struct kube_pods *next; p; p = next) {
    next = p->next;
    destroy(p);
  }
}

void kube_pods_add(struct kube_pods *p, struct kube_pods_user *u) {
  u->next = p->users;
  p->users = u;
}

/* The last one puts out the light: after contact was lost no request may be under way (net/loop.h). */
void kube_pods_take_out(struct kube_pods *p, struct kube_pods_user *u) {
  for (struct kube_pods_user **at = &p->users; *at; at = &(*at)->next) {
    if (*at != u) continue;
    *at = u->next;
    if (p->next_user == u) p->next_user = u->next;
    break;
  }
  if (p->users) return;
  kube_watch_free(TAKE(p->watch));
  timer_free(TAKE(p->patience));
}

/* --- asking --- */

json_t *kube_pods_in_vain(const struct kube_pods *p, size_t i) {
  const struct seen *first = first_of(p), *s = i < p->n ? &p->pods[i] : NULL;
  bool second = s && s != first && first && first->began;
  bool vain = s && (second || kube_missed_ticket(s->last, p->job_id)) && !s->began && !s->gone;
  return vain && kube_status(s->last, kube_container(s->last), NULL) == KUBE_WAITING ? s->last : NULL;
}

json_t *kube_pods_first(const struct kube_pods *p) {
  const struct seen *s = first_of(p);
  return s ? s->last : NULL;
}
bool kube_pods_gone(const struct kube_pods *p) {
  const struct seen *s = first_of(p);
  return s && s->gone;
}
enum kube_phase kube_pods_status(const struct kube_pods *p, struct container_state *ret) {
  const struct seen *s = first_of(p);
  struct container_state state;
  enum kube_phase phase = kube_status(s->last, kube_container(s->last), &state);
  if (phase == KUBE_ENDED && state.end == END_DELETED && s->ended_first) state.end = END_UNTOLD;
  if (phase == KUBE_ENDED && state.end == END_UNTOLD && s->deleted_first) state.end = END_DELETED;
  if (ret) *ret = state;
  return phase;
}
size_t kube_pods_count(const struct kube_pods *p) {
  return p->n;
}
bool kube_pods_began(const struct kube_pods *p) {
  const struct seen *s = first_of(p);
  return s && s->began;
}
bool kube_pods_doubtful(const struct kube_pods *p) {
  bool doubtful = false;
  for (size_t i = 0; i < p->n; i++) {
    const struct seen *s = &p->pods[i];
    bool ended = kube_status(s->last, kube_container(s->last), NULL) == KUBE_ENDED && !kube_made_up(s->last);
    bool deleted = s->gone || kube_deletion(s->last);
    doubtful = doubtful || (!s->began && !ended && deleted && json_str(s->last, "spec.nodeName"));
  }
  return doubtful;
}
bool kube_pods_node_lost(const struct kube_pods *p) {
  return p->node_lost;
}
bool kube_pods_trouble(const struct kube_pods *p) {
  return p->trouble;
}
unsigned kube_pods_gone_count(const struct kube_pods *p) {
  return p->gone;
}
bool kube_pods_ticket_out(const struct kube_pods *p) {
  return p->ticket_out;
}
void kube_pods_note_ticket(struct kube_pods *p) {
  p->ticket_out = true;
}
bool kube_pods_revoked(const struct kube_pods *p) {
  return p->revoked;
}
void kube_pods_note_revoked(struct kube_pods *p) {
  p->revoked = true;
}
bool kube_pods_twice(const struct kube_pods *p) {
  size_t began = 0;
  for (size_t i = 0; i < p->n; i++) began += p->pods[i].began;
  return began > 1;
}
