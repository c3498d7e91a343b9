/* What the launcher has let happen, written ahead of each request in memory shared with its guardian. When
 * the launcher is gone the word is the most that can have happened, since id, name and labels are the
 * client's own. One writer at a time: the launcher while it lives, then the guardian. */
#ifndef JOB_LEDGER_H
#define JOB_LEDGER_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum word {
  WORD_NOTHING,  /* nothing on the engine but perhaps a once-claim; a result file may be begun */
  WORD_INTENT,   /* intent line may be written: if it is, an outcome line is owed */
  WORD_CREATE,   /* create may be on the wire: look for the label */
  WORD_CREATED,  /* container_id is known, start not sent */
  WORD_STARTING, /* start may be on the wire */
  WORD_STARTED,  /* it runs or ran */
  WORD_RECORDED, /* outcome line written: removal is owed */
  WORD_DONE      /* nothing is owed */
};

#define LEDGER_RECORD_MAX (4u << 20)

struct ledger {
  _Atomic int word;
  _Atomic bool recorded;    /* the line of an end without a command of our own is written, `record` has it */
  _Atomic bool handed_over; /* --detach, detach keys, HUP of a lost terminal: the guardian goes on */
  _Atomic int deadline_fired; /* enum deadline: acted on by the guardian (launcher stuck) */
  _Atomic bool settle_owed;   /* other jobs' leftovers were seen: the guardian settles them, afterwards */
  _Atomic int helpers;        /* struct runtime_helpers: to be swept when the launcher is gone */
  char once_claim[192];       /* ours, or being asked for: its owner label tells; "": none */
  char job_id[32];
  char container_id[160];
  bool tty;
  bool input_forwarded;
  _Atomic bool input_complete;
  _Atomic bool our_stop;
  _Atomic bool outside_kill; /* the launcher saw a kill that was not ours */
  int64_t stop_grace_ms;
  char stop_signal[24];
  int64_t starting_at;         /* clock_ms(): start was about to be sent */
  int64_t deadline_at;         /* clock_ms(); 0 none: --timeout */
  _Atomic int64_t last_output; /* clock_ms() of the last byte, for --idle-timeout */
  _Atomic int64_t input_sent;
  _Atomic int64_t input_done_at; /* clock_ms(): the end of the input was sent; 0: not yet */
  int64_t memory_limit;
  _Atomic int sent[65]; /* signals sent as ours: their kill events are not somebody else's */
  char folder[4096];    /* where the caller stood: a relative --result is meant from there */
  _Atomic int
      record_at; /* which of the two below counts: a death in the middle of a write leaves the other */
  struct {
    bool whole;                      /* the rest was written: it fitted */
    char app[4096];                  /* the application, of labels and locks */
    char outcome[LEDGER_RECORD_MAX]; /* outcome_pack() */
  } record[2];                       /* the outcome so far: what a successor writes into history and result */
};

struct ledger *ledger_new(void); /* shared, sparse; aborts without memory */
void ledger_free(struct ledger *l);
void ledger_word(struct ledger *l, enum word w);
#endif
