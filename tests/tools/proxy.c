/* A Unix-socket proxy that spoils one connection on purpose.
 *
 *   proxy LISTEN TARGET LOG [RULE...]
 *
 * RULE is WHAT:COUNT:TEXT[:N], for the COUNT-th request (from 1; 0: each) whose first line contains TEXT:
 *   up        cut both sides when N bytes of that request's connection went to the engine (the head counts)
 *   down      the same for bytes that came back
 *   lose      hand the request over; when the engine begins to answer, throw the answer away and close
 *   refuse    close without handing the request over
 *   delay     hand the request over N ms late
 *   later     cut both sides N ms after the request
 *   stall     the answer N ms late (N = 0: never, and the connection stays open)
 *   lag       the same for what follows the first bytes of the answer
 * LOG gets a line for each request's first line, and "RULE ..." when a rule struck. A rule strikes once,
 * unless COUNT is 0. SIGUSR1: every open connection is cut. SIGUSR2: new connections are refused, until the
 * next one. Requests are told apart by "METHOD /" at the start of what comes after an answer; bodies never
 * begin so. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 256, RULES = 16, BLOCK = 65536 };
enum what { UP, DOWN, LOSE, REFUSE, DELAY, STALL, LAG, LATER, NOTHING };
static const char *const names[] = {"up", "down", "lose", "refuse", "delay", "stall", "lag", "later"};

struct rule {
  enum what what;
  int count, seen;
  char text[128];
  int64_t n;
};
struct side {
  int fd;
  bool eof, shut; /* it will send no more; it was told that no more comes */
  char *queue;    /* for this side */
  size_t from, to;
};
struct connection {
  struct side side[2]; /* 0: client, 1: engine */
  struct rule *rule;
  int64_t passed[2];  /* bytes from that side since the rule's request began */
  int64_t hold_until; /* nothing goes to side `held` before; -1: never */
  int held;
  int64_t cut_at; /* 0: no */
  bool used, answered;
};

static struct connection connections[CONNECTIONS];
static struct rule rules[RULES];
static int n_rules, log_fd;
static const char *target;
static volatile sig_atomic_t cut_all, refusing;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void on_signal(int number) {
  if (number == SIGUSR1)
    cut_all = 1;
  else
    refusing = !refusing;
}

static int unix_socket(const char *path, bool listening) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
  if (fd < 0) fail("socket");
  if (listening) {
    unlink(path);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64)) fail(path);
  } else if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
    close(fd);
    return -1;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

static void drop(struct connection *c) {
  for (int i = 0; i < 2; i++) {
    close(c->side[i].fd);
    free(c->side[i].queue);
  }
  *c = (struct connection){0};
}

static void struck(const struct connection *c) {
  dprintf(log_fd, "RULE %s %s\n", names[c->rule->what], c->rule->text);
}

static void take(int listener) {
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), engine;
  if (client < 0) return;
  if (refusing || (engine = unix_socket(target, false)) < 0) {
    close(client);
    return;
  }
  for (struct connection *c = connections; c < connections + CONNECTIONS; c++) {
    if (c->used) continue;
    *c = (struct connection){.used = true, .side = {{.fd = client}, {.fd = engine}}};
    c->side[0].queue = malloc(BLOCK);
    c->side[1].queue = malloc(BLOCK);
    return;
  }
  fail("too many connections");
}

/* A new request on this connection? Finds the rule it falls under. */
static void look(struct connection *c, const char *p, size_t n) {
  static const char *const methods[] = {"GET /", "POST /", "DELETE /", "PUT /", "HEAD /"};
  char line[1024];
  bool request = false;
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
    request = request || (n > strlen(methods[i]) && !memcmp(p, methods[i], strlen(methods[i])));
  if (!request || (c->passed[0] && !c->answered)) return;
  size_t k = 0;
  while (k < n && k + 1 < sizeof line && p[k] != '\r' && p[k] != '\n') k++;
  snprintf(line, sizeof line, "%.*s", (int)k, p);
  dprintf(log_fd, "%s\n", line);
  c->rule = NULL;
  c->answered = false;
  c->passed[0] = c->passed[1] = 0;
  for (struct rule *r = rules; r < rules + n_rules && !c->rule; r++)
    if (strstr(line, r->text) && (++r->seen == r->count || !r->count)) c->rule = r;
  if (c->rule && c->rule->what == LATER) c->cut_at = now_ms() + c->rule->n;
  if (c->rule && c->rule->what == DELAY) {
    c->hold_until = now_ms() + c->rule->n;
    c->held = 1;
    struck(c);
  }
}

/* What the rule says to n bytes from side i. Returns how many of them may pass; *cut: none ever after. */
static size_t judge(struct connection *c, int i, size_t n, bool *cut) {
  struct rule *r = c->rule;
  if (i == 1) c->answered = true;
  if (!r) return n;
  if (r->what == REFUSE || (r->what == LOSE && i == 1)) {
    *cut = true;
    return 0;
  }
  bool late = (r->what == STALL && !c->passed[1]) || (r->what == LAG && c->passed[1] && !c->hold_until);
  if (late && i == 1) {
    c->hold_until = r->n ? now_ms() + r->n : -1;
    c->held = 0;
    struck(c);
  }
  if ((r->what == UP && i == 0) || (r->what == DOWN && i == 1)) {
    int64_t left = r->n - c->passed[i];
    if ((int64_t)n >= left) {
      *cut = true;
      return (size_t)left;
    }
  }
  return n;
}

static bool held(const struct connection *c, int to) {
  return c->hold_until && c->held == to && (c->hold_until < 0 || now_ms() < c->hold_until);
}

static void send_on(struct connection *c, int to) {
  struct side *s = &c->side[to];
  while (s->from < s->to && !held(c, to)) {
    ssize_t k = send(s->fd, s->queue + s->from, s->to - s->from, MSG_NOSIGNAL);
    if (k < 0 && errno != EAGAIN) c->side[0].eof = c->side[1].eof = s->shut = true, s->from = s->to;
    if (k <= 0) break;
    s->from += (size_t)k;
  }
  if (s->from < s->to) return;
  s->from = s->to = 0;
  if (c->side[!to].eof && !s->shut) {
    s->shut = true;
    shutdown(s->fd, SHUT_WR);
  }
}

/* false: the connection is over. */
static bool receive(struct connection *c, int i) {
  struct side *to = &c->side[!i];
  bool cut = false;
  ssize_t k = recv(c->side[i].fd, to->queue, BLOCK, 0);
  if (k < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (k <= 0) {
    c->side[i].eof = true;
    send_on(c, !i);
    return k == 0;
  }
  if (i == 0) look(c, to->queue, (size_t)k);
  to->to = judge(c, i, (size_t)k, &cut);
  c->passed[i] += (int64_t)to->to;
  send_on(c, !i);
  if (!cut) return true;
  for (int tries = 0; to->from < to->to && tries < 1000; tries++) { /* what may pass does pass */
    usleep(1000);
    send_on(c, !i);
  }
  struck(c);
  return false;
}

static bool turn(struct connection *c, const struct pollfd *p) {
  if (c->cut_at && now_ms() >= c->cut_at) {
    struck(c);
    return false;
  }
  for (int i = 0; i < 2; i++) {
    if (c->side[i].to) send_on(c, i);
    if (!c->side[i].eof && !c->side[!i].to && (p[i].revents & (POLLIN | POLLHUP)) && !receive(c, i))
      return false;
  }
  return !(c->side[0].shut && c->side[1].shut);
}

static void step(int listener) {
  static struct pollfd p[2 * CONNECTIONS + 1];
  struct connection *c = connections;
  for (int k = 0; k < CONNECTIONS; k++, c++)
    for (int i = 0; i < 2; i++) {
      bool in = c->used && !c->side[i].eof && !c->side[!i].to, out = c->used && c->side[i].to && !held(c, i);
      p[2 * k + i] = (struct pollfd){in || out ? c->side[i].fd : -1,
                                     (short)((in ? POLLIN : 0) | (out ? POLLOUT : 0)), 0};
    }
  p[2 * CONNECTIONS] = (struct pollfd){listener, POLLIN, 0};
  poll(p, 2 * CONNECTIONS + 1, 20);
  bool cut = cut_all;
  if (cut) cut_all = 0; /* never when it was not seen: it may be asked for at any moment */
  c = connections;
  for (int k = 0; k < CONNECTIONS; k++, c++)
    if (c->used && (cut || !turn(c, p + (size_t)(2 * k)))) drop(c);
  if (p[2 * CONNECTIONS].revents & POLLIN) take(listener);
}

static void read_rule(char *text) {
  struct rule *r = &rules[n_rules++];
  char *what = strsep(&text, ":"), *count = strsep(&text, ":"), *words = strsep(&text, ":");
  if (!count || !words || n_rules == RULES) errno = EINVAL, fail("rule");
  while (r->what < NOTHING && strcmp(names[r->what], what) != 0) r->what++;
  if (r->what == NOTHING) errno = EINVAL, fail(what);
  r->count = atoi(count);
  snprintf(r->text, sizeof r->text, "%s", words);
  r->n = text ? strtoll(text, NULL, 10) : 0;
}

int main(int argc, char **argv) {
  if (argc < 4) errno = EINVAL, fail("LISTEN TARGET LOG [RULE...]");
  target = argv[2];
  log_fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  for (int i = 4; i < argc; i++) read_rule(argv[i]);
  signal(SIGUSR1, on_signal);
  signal(SIGUSR2, on_signal);
  signal(SIGPIPE, SIG_IGN);
  for (int listener = unix_socket(argv[1], true);;) step(listener);
}
