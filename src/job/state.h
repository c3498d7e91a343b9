/* Inside src/job/ only: one job under way, shared by the files that carry it through its life.
 * launch.c makes it, job.c calls the steps in order, begin.c create..start, run.c while it runs, regain.c
 * after a cut, end.c state, record, removal. */
#ifndef JOB_STATE_H
#define JOB_STATE_H
#include "job/input.h"
#include "job/job.h"
#include "job/ledger.h"
#include "job/output.h"
#include "job/verdict.h"

struct guardian;
struct rejoin;
struct interrupt_state {
  int pending[32]; /* signals to forward, in order */
  int n_pending;
  int asks;         /* INTs that count: 1 forwarded, 2 stop, 3 kill */
  int64_t last_int; /* clock_ms() */
  bool cancel;      /* INT or TERM before the command began */
  int cancel_signal;
  bool hangup; /* HUP and the controlling terminal is gone */
  bool resized, suspend;
  bool had_terminal; /* a controlling terminal, at the start */
};

struct job {
  const struct job_request *req;
  struct loop *loop;
  struct runtime *rt;
  struct history *history;
  say_fn *say;
  void *say_data;
  struct strv unsaid; /* lines for a stderr that is not read just now */
  struct outcome *o;
  struct ledger *ledger;
  struct guardian *guardian;
  struct prepared prepared;
  char name[128]; /* of the container */
  char *cid;      /* engine's id; NULL: not created */
  struct evidence ev;
  struct output *output;
  struct input *input;
  struct stream *stream;
  struct wait *wait;
  struct event_watch *watch;
  struct rejoin *rejoin; /* the log is being joined to what was delivered; NULL: attached */
  struct interrupt_state sig;
  int64_t phase_start;
  int64_t start_deadline;    /* clock_ms(); 0 none */
  struct timer *start_timer; /* wakes the loop then: whoever waits asks job_interrupted() */
  int64_t started_at;        /* clock_ms() */
  int64_t lost_at;           /* clock_ms() when contact was lost; 0: in contact */
  /* what callbacks noted */
  bool stream_ended, stream_cut;
  int64_t stream_ended_at; /* clock_ms() */
  bool end_seen;           /* the state was terminal; output may still be coming */
  bool input_doubt; /* its end was sent, and the connection broke so soon behind, or with so much of it on its
                     * way, that it may not have arrived */
  bool merged_said; /* that stderr comes on stdout */
  const char *gap_why; /* output.gap as the stream told it; NULL: it did not */
  bool closed_early;   /* output ended before the command did, see run.c */
  bool input_lost;     /* input was cut: the command is stopped when contact is there */
  enum join {
    JOIN_EXACT,
    JOIN_VERIFY,
    JOIN_MEASURE,
    JOIN_PLAIN
  } join; /* how the log is read, see rejoin.c */
  int64_t join_at[2];
  bool unattended;         /* the guardian's: no stream is read, wait alone tells */
  bool began_after_all;    /* a start that the engine refused, and that ran */
  bool blind;              /* the guardian does not see output: idle time cannot be told */
  bool node_lost;          /* EVENT_NODE_LOST, and no end since */
  bool refused_signal;     /* said once that this runtime forwards none */
  struct waiting *waiting; /* what start() waits for, as it is told; NULL: start is not under way */
  bool keep_anyway;        /* its output could not be spooled: the container is its last copy */
  int64_t begin_by; /* clock_ms(): the guardian's --start-timeout for a command that has not begun; 0 none */
  int64_t stay_until; /* clock_ms(): a terminal's command without a caller is stopped then; 0 none */
  int64_t lock_until; /* clock_ms(): --lock-wait ends; 0 not begun */
  int lock_nobody;    /* so often in a row its name was taken, by nobody */
  bool create_doubt;  /* create may be on the engine, and is not found */
  bool unconfirmed;   /* killed, and no end was told */
  bool died, watch_lost, seen_start;
  int64_t died_at;            /* clock_ms() of the first event that says so */
  int64_t died_ns;            /* its time by the engine's clock */
  int64_t ahead_ns, ahead_at; /* the engine's clock against clock_ms(), at least; and when that was learnt */
  int64_t last_event_ns;
  int64_t back_ns;      /* engine's clock when contact was there again, with the start forgotten; 0 none */
  int64_t watched_at;   /* clock_ms() of the last subscription to events */
  int ours[65];         /* signals we sent whose kill event has not come yet */
  bool stop_asked;      /* by `jobs stop` of anyone */
  bool left;            /* detach keys or hang-up: the guardian goes on */
  bool giving_up;       /* INT while contact is lost */
  bool cleaning;        /* calls that undo are not interrupted */
  bool epipe;           /* --on-epipe stop: a reader is gone */
  char once_claim[192]; /* under which it was claimed */
  bool once_ours;       /* the once-key was claimed by this job */
  bool history_owed;    /* outcome could not be written: keep the container */
  /* stopping by our own hand */
  enum { STOP_NO, STOP_TERM, STOP_KILL } stopping;
  int64_t kill_at;     /* clock_ms(); 0 none */
  int64_t last_output; /* clock_ms() */
  int64_t next_beat;
  int no_effect_signal;
  int64_t no_effect_at; /* say why a forwarded INT or TERM does nothing */
};

/* say.c */
void job_say(struct job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void job_say_rest(struct job *j, bool wait); /* lines that had to wait */
void job_phase(struct job *j, enum phase p); /* the time since the last phase's end goes to p */

/* begin.c: from prepared to started. -1: not started, err tells; nothing is left unless said in
 * j->o->message. */
int job_prepare(struct job *j, struct error *err);
int job_pull(struct job *j, struct error *err);
int job_create(struct job *j, struct error *err);
int job_start(struct job *j, struct error *err);
/* run.c: until the command has ended, contact is given up, or it is left running. */
void job_tell_guardian(struct job *j); /* of the stream, and that a deadline was or will be set */
void job_run_phase(struct job *j);
void job_stop(struct job *j); /* stop signal now, KILL after the grace */
void job_signal(struct job *j, int signo);
/* hear.c: what is told only behind the end. job_hear() waits a moment for the event of that end; false: it
 * has not come. job_hear_out(), before the verdict: was it somebody else's doing? Blocks until that is known,
 * at most for --reconnect-for, of a failure ten seconds, and not beyond giving up; ev.unheard: it is not. */
bool job_hear(struct job *j);
void job_hear_out(struct job *j);
/* regain.c: after a cut, re-reads the state and joins the streams; -1: given up. */
int job_regain(struct job *j);
/* The end of the input may not have arrived: never a success. */
void job_doubt_input(struct job *j);
/* Its end was sent, and it is so much that a command which reads slowly keeps some of it on its way for long.
 */
bool job_input_held(const struct job *j);
/* It may still be on its way, so a connection that breaks now, or a launcher that is gone, takes it along. */
bool job_input_between(const struct job *j);
/* For what is owed at the end: waits for contact until then; -1: there is none. */
int job_reach(struct job *j, int64_t until);
bool job_out_of_contact(const struct error *err); /* it may go better in a moment */
/* The engine remembers the start: by the events that were heard, or, where those come late, by asking for all
 * it remembers, which takes a second. */
bool job_recalled(struct job *j);
bool job_ended_away(const struct job *j); /* its state is read: it ended while its engine was away */
/* Its state is read: did it end while its engine was away, though that told so later? Then output may be
 * missing. */
void job_ended_unread(struct job *j);
/* The command may have begun: what was asked of us before is off, what comes is for the command. */
bool job_begun(const struct job *j);
/* The user has given up while contact was lost, or his terminal is gone: no answer is waited for any longer.
 */
bool job_gives_up(const struct job *j);
/* waiting.c: words of a start that takes its time, to stderr by --progress. */
void waiting_begin(struct job *j);
void waiting_end(struct job *j);
/* streams.c: callbacks and (re)attaching. */
int job_attach(struct job *j, struct error *err);
int job_watch(struct job *j, struct error *err);
/* A time of the engine's clock as clock_ms() told it, or somewhat later; 0: its clock is not known. */
int64_t job_clock(const struct job *j, int64_t engine_ns);
void job_streams_close(struct job *j);
/* signals of ours: interrupt.c */
bool job_has_terminal(void);
void job_on_signal(void *data, int signo);
/* takeover.c: the guardian reads the stream to see whether it is idle; again after contact was lost. */
void job_watch_idle(struct job *j);
enum error_kind job_interrupted(void *data, struct error *err);
/* end.c */
void job_take_state(struct job *j, const struct container_state *st); /* evidence, if it is an end */
int job_read_state(struct job *j);                        /* fills ev.state; retries for --reconnect-for */
void job_conclude(struct job *j);                         /* verdict, record, removal, result */
void job_abandon(struct job *j, const struct error *err); /* an end before the command began */
bool job_keeps(const struct job *j); /* the ended container stays, by --keep and the verdict */
int job_remove(struct job *j, struct error *err);
void job_write_result(struct job *j);
/* ledger and outcome kept in step, for a successor. */
void job_publish(struct job *j);
#endif
