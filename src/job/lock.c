#include "job/lock.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/trace.h"
#include "data/hash.h"
#include "job/follow.h"
#include "job/live.h"
#include "job/state.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_CHARS 100 /* docker takes more, people do not */
#define OWNER_MS 10000     /* behind an end: its owner has let go of the name, or stands still */
#define DEAD_OWNER_MS 1000 /* there is none any more; who settles it may be about it */
#define NOBODY_TRIES 200   /* of GONE_RETRY_MS, in a row: a name that is in use by nobody */
#define GONE_RETRY_MS 50   /* a name that was just freed */
#define LOOK_AGAIN_MS 2000 /* while waiting for the holder: besides its end being told */
#define HALF_CREATED_MS                                                                                      \
  660000 /* the default --start-timeout and a minute: nobody starts that one any more                        \
          */

static bool plain(const char *s) {
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-' && *s != '.') return false;
  return true;
}

void lock_container_name(const char *app, const char *lock, char *ret, size_t size) {
  if (plain(app) && plain(lock) && !strchr(app, '.') && strlen(app) + strlen(lock) < NAME_MAX_CHARS) {
    snprintf(ret, size, "run-once.lock.%s.%s", app, lock);
    return;
  }
  char hash[65];
  CLEANUP_FREE char *both = xprintf("%zu:%s:%s", strlen(app), app, lock); /* no two pairs give one text */
  sha256_hex(both, strlen(both), hash);
  snprintf(ret, size, "run-once.lock.h.%.40s", hash);
}

void lock_once_hash(const char *app, const char *key, char ret[65]) {
  CLEANUP_FREE char *both = xprintf("%zu:%s:%s", strlen(app), app, key);
  sha256_hex(both, strlen(both), ret);
}

static const char * or (const char *s, const char *fallback) {
  return s && *s ? s : fallback;
}

/* RFC 3339 without the fraction, its zone kept; for free(). */
static char *to_the_second(const char *time) {
  const char *point = time && strlen(time) > 19 ? time + 19 : NULL;
  if (!point) return xstrdup(or (time, "?"));
  const char *zone = *point == '.' ? point + 1 + strspn(point + 1, "0123456789") : point;
  return xprintf("%.19s%s", time, zone);
}

static int held(const struct job *j, const struct job_info *h, struct error *err) {
  CLEANUP_FREE char *since = to_the_second(h->state.started_at[0] ? h->state.started_at : h->created);
  return error_set(err, ERR_LOCKED,
                   "lock '%s' of '%s' is held by job %s of %s@%s since %s, reason: %s, command: %s; wait "
                   "with --if-locked "
                   "wait, look with: run-once jobs logs %s",
                   j->o->lock, j->prepared.app, or (h->id, "?"), or (h->actor, "?"), or (h->host, "?"), since,
                   or (h->reason, "none"), or (h->command, "?"), or (h->id, "?"));
}

static bool ours(const struct job *j, const struct job_info *h) {
  return h->host && j->o->actor_host && !strcmp(h->host, j->o->actor_host);
}

/* Created and never started: half-created when its maker is gone. Removal without force spares one that
 * starts now. */
static bool clear_half_created(struct job *j, const struct job_info *h) {
  struct error err = ERROR_INIT;
  int64_t now = j->rt->ops->clock_ns(j->rt), made = clock_parse_rfc3339(or (h->state.created_at, ""));
  bool orphan = ours(j, h) && !live_held(h->id);
  bool old = now && made && (now - made) / 1000000 > HALF_CREATED_MS;
  return (orphan || old) && !j->rt->ops->remove(j->rt, h->container, false, &err);
}

/* The owner of an ended container removes it at once or gives up its name itself (lock_let_go). */
static bool owner_lets_go(struct job *j, const struct job_info *h) {
  int64_t patience = ours(j, h) && !live_held(h->id) ? DEAD_OWNER_MS : OWNER_MS;
  for (int64_t until = clock_ms() + patience; clock_ms() < until; loop_pause(j->loop, GONE_RETRY_MS)) {
    struct error err = ERROR_INIT;
    struct job_info now = {0};
    if (j->rt->ops->by_name(j->rt, j->name, &now, &err)) return err.kind == ERR_MISSING;
    bool another = !now.container || !h->container || strcmp(now.container, h->container) != 0;
    job_info_done(&now);
    if (another) return true;
  }
  return false;
}

/* An ended container does not hold the lock: it gives up the name, and waits for its owner or a settler under
 * its own. Not while it may just be being removed: an engine (seen with 20.10) that renames what it removes
 * keeps both the name and a row in its list, of a container that it does not have, until it is restarted. */
static bool clear_ended(struct job *j, const struct job_info *h) {
  struct error err = ERROR_INIT;
  if (owner_lets_go(j, h)) return true;
  CLEANUP_FREE char *name = xprintf("run-once.%s", h->id);
  if (!j->rt->ops->rename(j->rt, h->container, name, &err)) return true;
  trace(TRACE_JOB, "renaming %s: %s", h->id, err.text);
  return err.kind == ERR_MISSING;
}

void lock_let_go(struct job *j) {
  struct error err = ERROR_INIT;
  if (!j->o->lock || !j->cid || !j->ev.state_read || j->ev.outside_kill) return;
  CLEANUP_FREE char *name = xprintf("run-once.%s", j->o->id);
  if (!strcmp(name, j->name)) return;
  if (j->rt->ops->rename(j->rt, j->cid, name, &err))
    trace(TRACE_JOB, "renaming: %s", err.text); /* who waits for the lock does it, somewhat later */
  else
    snprintf(j->name, sizeof j->name, "%s", name);
}

static void wait_for(struct job *j, const struct job_info *h, int64_t until) {
  struct error err = ERROR_INIT;
  struct wait *w = NULL;
  int64_t end = clock_ms() + LOOK_AGAIN_MS;
  if (end > until) end = until;
  if (j->rt->ops->wait_begin(j->rt, h->container, false, &w, &err)) w = NULL;
  for (int64_t now; (now = clock_ms()) < end && !(w && wait_done(w)) && !j->sig.cancel;)
    loop_step(j->loop, (int)(end - now));
  wait_free(w);
}

/* Its name is taken, and nobody has it: just freed, or never to be had again. */
static int nobody(struct job *j, struct error *err) {
  if (++j->lock_nobody < NOBODY_TRIES) return 1;
  return error_set(
      err, ERR_LOCKED,
      "lock '%s': the engine says that the name %s is in use, and has no container of that name; "
      "it will not let go of it until it is restarted: restart it, or take another lock",
      j->o->lock, j->name);
}

/* 1: free now, 0: held. */
static int look(struct job *j, struct job_info *h, struct error *err) {
  int rc = j->rt->ops->by_name(j->rt, j->name, h, err);
  if (rc) return err->kind == ERR_MISSING ? nobody(j, err) : -1;
  j->lock_nobody = 0;
  if (h->state.status == STATE_EXITED || h->state.status == STATE_DEAD) return clear_ended(j, h);
  if (h->state.status == STATE_REMOVING) return 1;
  return h->state.status == STATE_CREATED && clear_half_created(j, h);
}

int lock_conflict(struct job *j, char **ret_id, struct error *err) {
  if (!j->lock_until) j->lock_until = clock_ms() + j->req->lock_wait;
  bool said = false;
  for (;;) {
    struct job_info h = {0};
    struct error none = ERROR_INIT;
    int free_now = look(j, &h, &none);
    if (free_now < 0)
      *err = none;
    else if (free_now)
      loop_pause(j->loop, GONE_RETRY_MS);
    else if (j->req->if_locked == LOCKED_ATTACH)
      *ret_id = xstrdup(h.id);
    else if (j->req->if_locked == LOCKED_FAIL || clock_ms() >= j->lock_until)
      held(j, &h, err), free_now = -1;
    else {
      if (!said && held(j, &h, &none)) job_say(j, "waiting: %s", none.text);
      said = true;
      wait_for(j, &h, j->lock_until);
      job_info_done(&h);
      if (job_interrupted(j, err) != ERR_NONE) return -1;
      continue;
    }
    job_info_done(&h);
    return free_now;
  }
}
