#include "job/next.h"

static enum action without_contact(const struct facts *f) {
  return f->contact_over || f->give_up ? ACT_LEAVE : ACT_LOOK;
}

/* Never ran, and cannot run any more. */
static enum action never(const struct facts *f) {
  return f->recorded ? ACT_DONE : ACT_RECORD_NEVER;
}

static enum action ended(const struct facts *f) {
  if (!f->recorded) return ACT_RECORD_END;
  return f->keep ? ACT_DONE : ACT_REMOVE;
}

/* create may be on the wire, or the container is there and start was not sent. */
static enum action before_start(const struct facts *f) {
  switch (f->seen) {
  case SEEN_NO_CONTACT:
    return without_contact(f);
  case SEEN_ABSENT:
    if (f->flight_over || f->fenced) return never(f);
    return f->give_up ? ACT_LEAVE : ACT_LOOK;
  case SEEN_CREATED:
    return f->forward ? ACT_START : ACT_FENCE;
  case SEEN_RUNNING:
    return ACT_FOLLOW; /* somebody else started it */
  case SEEN_ENDED:
    return ended(f);
  default:
    return ACT_LOOK;
  }
}

/* start may be on the wire. Absent without our fence: it may have run before somebody removed it. */
static enum action starting(const struct facts *f) {
  switch (f->seen) {
  case SEEN_NO_CONTACT:
    return without_contact(f);
  case SEEN_ABSENT:
    return f->fenced ? never(f) : f->recorded ? ACT_DONE : ACT_RECORD_UNKNOWN;
  case SEEN_CREATED:
    return f->flight_over ? ACT_FENCE : ACT_LOOK;
  case SEEN_RUNNING:
    return ACT_FOLLOW;
  case SEEN_ENDED:
    return ended(f);
  default:
    return ACT_LOOK;
  }
}

static enum action started(const struct facts *f) {
  switch (f->seen) {
  case SEEN_NO_CONTACT:
    return without_contact(f);
  case SEEN_ABSENT:
    return f->recorded ? ACT_DONE : ACT_RECORD_UNKNOWN;
  case SEEN_CREATED:
    return ACT_LEAVE; /* an engine that forgot a start: nothing is safe to assume */
  case SEEN_RUNNING:
    return ACT_FOLLOW;
  case SEEN_ENDED:
    return ended(f);
  default:
    return ACT_LOOK;
  }
}

static enum action recorded(const struct facts *f) {
  switch (f->seen) {
  case SEEN_NO_CONTACT:
    return without_contact(f);
  case SEEN_ABSENT:
    return ACT_DONE;
  case SEEN_RUNNING:
    return ACT_LEAVE; /* somebody started it again: theirs */
  case SEEN_CREATED:
  case SEEN_ENDED:
    return f->keep ? ACT_DONE : ACT_REMOVE;
  default:
    return ACT_LOOK;
  }
}

enum action job_next(const struct facts *f) {
  switch (f->word) {
  case WORD_INTENT:
    return f->forward ? ACT_CREATE : never(f);
  case WORD_CREATE:
  case WORD_CREATED:
    return before_start(f);
  case WORD_STARTING:
    return starting(f);
  case WORD_STARTED:
    return started(f);
  case WORD_RECORDED:
    return recorded(f);
  case WORD_NOTHING:
  case WORD_DONE:
    break;
  }
  return ACT_DONE;
}

const char *action_name(enum action a) {
  static const char *const names[] = {"create", "start",        "look",       "fence",
                                      "follow", "record never", "record end", "record unknown",
                                      "remove", "done",         "leave"};
  return names[a];
}
