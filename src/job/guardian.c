#include "job/guardian.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/process.h"
#include "job/live.h"
#include "job/verdict.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 15000 /* poll(2) does not count a suspend; clock_ms() does */
#define STILL_MS 1000 /* so often it is looked whether it stands still */
#define STUCK_MS 2000 /* a launcher that has not acted on a deadline by then is stopped or stuck */

struct guardian {
  int fd; /* our end of the pair */
  pid_t pid;
};

/* --- the guardian's side --- */

/* What the caller ignored or caught is not ours. */
static void reset_signals(void) {
  for (int s = 1; s < 32; s++) {
    bool ignored = s == SIGHUP || s == SIGINT || s == SIGQUIT || s == SIGPIPE || s == SIGTSTP;
    signal(s, ignored ? SIG_IGN : SIG_DFL);
  }
}

/* Little of libc is used on the way to waiting: what is touched first costs a page fault, and most guardians
 * do no more than that. */
static void leave_terminal(const char *job_id) {
  static const char role[] = "run-once: guardian of ";
  char title[64] = "";
  setsid();
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd); /* else x=$(run-once ...) waits for the guardian */
  if (null > 2) close(null);
  reset_signals();
  if (chdir("/")) errno = 0;
  memcpy(title, role, sizeof role);
  memcpy(title + sizeof role - 1, job_id, strnlen(job_id, sizeof title - sizeof role));
  process_title(title);
  process_forget_environment();
}

/* Everything but the pair and the mark of life is closed: descriptors of the caller must not outlive it here.
 */
static void close_others(int pair, int live) {
  int low = pair < live ? pair : live, high = pair < live ? live : pair;
  if (low > 3) close_range(3, (unsigned)low - 1, 0);
  if (low >= 0 && high > low + 1) close_range((unsigned)low + 1, (unsigned)high - 1, 0);
  close_range((unsigned)high + 1, ~0U, 0);
}

/* One datagram: a byte, and perhaps the attached connection. 0: end of file, the launcher is gone. */
static int receive(int pair, int *stream) {
  char byte, control[CMSG_SPACE(sizeof(int))];
  struct iovec iov = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t k = recvmsg(pair, &m, MSG_CMSG_CLOEXEC);
  if (k <= 0) return k < 0 && errno == EINTR ? 1 : 0;
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  if (c && c->cmsg_type == SCM_RIGHTS) {
    fd_close(stream);
    memcpy(stream, CMSG_DATA(c), sizeof *stream);
  }
  return 1;
}

/* When the launcher should have acted on --timeout; 0: never. While start is under way it may wait for long
 * in good order: then it has to be seen standing still, too. */
static int64_t stuck_at(const struct guardian_task *t, bool starting_held) {
  const struct ledger *l = t->ledger;
  int word = atomic_load(&l->word);
  if (atomic_load(&l->deadline_fired)) return 0;
  if (word == WORD_STARTED) return l->deadline_at ? l->deadline_at + STUCK_MS : 0;
  if (word != WORD_STARTING || !t->req->timeout || starting_held) return 0;
  int64_t at = l->starting_at + t->req->timeout + STUCK_MS, now = clock_ms();
  return now < at || process_stands_still(getppid()) ? at : now + STILL_MS;
}

/* The launcher still holds the connection: closing ours is not enough. Over TCP neither is shutdown(2): what
 * was not read keeps the window closed and the engine writing; to disconnect resets it (connect(2),
 * AF_UNSPEC). */
static void cut_loose(int stream) {
  struct sockaddr nobody = {.sa_family = AF_UNSPEC};
  if (connect(stream, &nobody, sizeof nobody)) shutdown(stream, SHUT_RDWR);
}

/* The launcher stands still, and while its stream is not read the engine's own calls hang: cut it loose, then
 * end the command in a process of its own, so that this one goes on watching. */
static void hold_deadline(const struct guardian_task *t, int pair, int *stream) {
  pid_t launcher = getppid();
  if (atomic_load(&t->ledger->word) == WORD_STARTED) {
    atomic_store(&t->ledger->deadline_fired, (int)DEADLINE_RUN);
    atomic_store(&t->ledger->our_stop, true);
  }
  if (*stream >= 0) cut_loose(*stream);
  fd_close(stream);
  pid_t child = fork();
  if (child) return;
  close(pair);
  takeover_stop(t, launcher);
  _exit(0);
}

static void watch_over(const struct guardian_task *t, int pair) {
  int stream = -1;
  bool starting_held = false;
  for (;;) {
    int64_t at = stuck_at(t, starting_held), left = at ? at - clock_ms() : -1;
    struct pollfd p = {pair, POLLIN, 0};
    int k = poll(&p, 1, at ? (left > 0 ? (int)(left < LOOK_MS ? left : LOOK_MS) : 0) : LOOK_MS);
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
    if (k > 0 && !receive(pair, &stream)) break;
    at = stuck_at(t, starting_held);
    if (!at || clock_ms() < at) continue;
    starting_held = atomic_load(&t->ledger->word) == WORD_STARTING;
    hold_deadline(t, pair, &stream);
  }
  fd_close(&stream); /* at once: it would keep the connection open */
}

static void guard(const struct guardian_task *t, int pair) {
  leave_terminal(t->ledger->job_id);
  close_others(pair, t->live_fd);
  watch_over(t, pair);
  int word = atomic_load(&t->ledger->word);
  bool owed = word != WORD_DONE;
  if (owed || atomic_load(&t->ledger->settle_owed) || atomic_load(&t->ledger->helpers)) takeover(t, owed);
  if (atomic_load(&t->ledger->word) == WORD_DONE) live_drop(t->ledger->job_id, t->live_fd);
  _exit(0);
}

/* --- the launcher's side --- */

struct guardian *guardian_fork(const struct guardian_task *t, struct error *err) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
    error_set(err, ERR_SYSTEM, "starting the guardian failed: %s", strerror(errno));
    return NULL;
  }
  pid_t child = fork();
  if (child < 0) {
    error_set(err, ERR_SYSTEM, "starting the guardian failed: %s", strerror(errno));
    close(pair[0]);
    close(pair[1]);
    return NULL;
  }
  if (!child) {
    close(pair[0]);
    guard(t, pair[1]);
  }
  close(pair[1]);
  struct guardian *g = xcalloc(1, sizeof *g);
  g->fd = pair[0];
  g->pid = child;
  return g;
}

void guardian_stream(struct guardian *g, int fd) {
  char byte = 'S', control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec iov = {&byte, 1};
  struct msghdr m = {
      .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  if (!g || fd < 0) return;
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  while (sendmsg(g->fd, &m, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

/* A change of what it waits for: it looks at the ledger again. */
void guardian_wake(struct guardian *g) {
  char byte = 'W';
  if (g && send(g->fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) errno = 0;
}

void guardian_release(struct guardian *g) {
  if (g) fd_close(&g->fd);
}

/* Where children are not waited for (SIGCHLD ignored by whoever started us) one that is gone already is
 * nobody we know. */
void guardian_dismiss(struct guardian *g) {
  if (!g) return;
  if (waitpid(g->pid, NULL, WNOHANG) == 0) {
    kill(g->pid, SIGKILL);
    waitpid(g->pid, NULL, 0);
  }
  guardian_release(g);
}
