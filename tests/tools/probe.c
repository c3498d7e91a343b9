/* The command of the test image: does the steps its arguments name, from left to right, then exits 0.
 *
 *   out TEXT | err TEXT       TEXT as it is                line TEXT          TEXT and a newline to stdout
 *   fill N | fillerr N        N bytes of a fixed random sequence, which begins anew with each step
 *   both N M                  N bytes to stdout and M to stderr in turns of at most 64 KiB
 *   cat                       stdin to stdout              count              stdin to its end, prints the
 * number of bytes sleep SECONDS             fractions allowed            forever            until a signal
 *   trap SIGNAL N             prints "got SIGNAL", exits N when it comes
 *   notice SIGNAL             prints "got SIGNAL" when it comes and goes on       ignore SIGNAL
 *   raise SIGNAL              to itself (PID 1 is immune to what it has not trapped)
 *   tty                       "tty 1 1 1": which of stdin, stdout, stderr is a terminal
 *   winsize                   "size ROWS COLUMNS"          id                 "id UID GID PID FOLDER"
 *   env NAME                  the value of one variable; "-": all of them
 *   append FILE TEXT          one line, one write, synced  lines FILE         the number of lines of FILE
 *   orphan SECONDS            a child in a session of its own that keeps the output open
 *   eat MIB                   that much memory, touched    close N            the descriptor
 *   argv ...                  every argument left as "LENGTH:TEXT", then ends
 *   exit N
 * SIGNAL is a name without SIG. Built static; runs in an image that holds nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 65536 };

static _Noreturn void fail(const char *what) {
  dprintf(2, "probe: %s: %s\n", what, strerror(errno));
  _exit(99);
}

static void put(int fd, const void *bytes, size_t n) {
  const char *p = bytes;
  while (n > 0) {
    ssize_t done = write(fd, p, n);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail("write");
    p += done;
    n -= (size_t)done;
  }
}

static const struct {
  const char *name;
  int number;
} signals[] = {{"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"TERM", SIGTERM},
               {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"KILL", SIGKILL}, {"WINCH", SIGWINCH},
               {"ABRT", SIGABRT}, {"PIPE", SIGPIPE}};
enum { SIGNALS = sizeof signals / sizeof signals[0] };

static int signal_number(const char *name) {
  for (int i = 0; i < SIGNALS; i++)
    if (!strcmp(signals[i].name, name)) return signals[i].number;
  errno = EINVAL;
  fail(name);
}

static volatile int end_with[65]; /* exit status + 1 after that signal; 0: go on */

static void on_signal(int number) {
  int saved = errno;
  for (int i = 0; i < SIGNALS; i++)
    if (signals[i].number == number) {
      put(1, "got ", 4);
      put(1, signals[i].name, strlen(signals[i].name));
      put(1, "\n", 1);
    }
  if (end_with[number]) _exit(end_with[number] - 1);
  errno = saved;
}

static void handle(const char *name, int status_plus_one) {
  int number = signal_number(name);
  struct sigaction sa = {.sa_handler = on_signal};
  end_with[number] = status_plus_one;
  if (sigaction(number, &sa, NULL) < 0) fail(name);
}

struct random {
  uint64_t state;
};

static void random_block(struct random *r, char *block, size_t n) {
  for (size_t i = 0; i < n; i += 8) {
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    memcpy(block + i, &r->state, 8);
  }
}

/* N and M bytes in turns, each of its own sequence. */
static void fill(uint64_t n_out, uint64_t n_err) {
  static char block[BLOCK];
  struct random r[2] = {{88172645463325252u}, {88172645463325252u}};
  uint64_t left[2] = {n_out, n_err};
  while (left[0] > 0 || left[1] > 0)
    for (int i = 0; i < 2; i++) {
      size_t n = left[i] < BLOCK ? (size_t)left[i] : BLOCK;
      if (n == 0) continue;
      random_block(&r[i], block, BLOCK);
      put(i + 1, block, n);
      left[i] -= n;
    }
}

/* The number of bytes of stdin, copied to `to` unless it is negative. */
static uint64_t drain(int to) {
  static char block[BLOCK];
  uint64_t sum = 0;
  for (;;) {
    ssize_t n = read(0, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read");
    if (n == 0) return sum;
    sum += (uint64_t)n;
    if (to >= 0) put(to, block, (size_t)n);
  }
}

static void sleep_for(const char *seconds) {
  double s = strtod(seconds, NULL);
  struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};
  while (nanosleep(&t, &t) < 0 && errno == EINTR) {
  }
}

static void append(const char *file, const char *text) {
  char line[4096];
  int n = snprintf(line, sizeof line, "%s\n", text);
  int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (fd < 0 || write(fd, line, (size_t)n) != n || fsync(fd) < 0 || close(fd) < 0) fail(file);
}

static void count_lines(const char *file) {
  FILE *f = fopen(file, "r");
  int lines = 0, c;
  while (f && (c = getc(f)) != EOF) lines += c == '\n';
  if (f) fclose(f);
  dprintf(1, "%d\n", lines);
}

static void print_env(const char *name) {
  extern char **environ;
  if (strcmp(name, "-") != 0) {
    const char *value = getenv(name);
    if (value) dprintf(1, "%s\n", value);
    return;
  }
  for (char **e = environ; *e; e++) dprintf(1, "%s\n", *e);
}

static void orphan(const char *seconds) {
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    setsid();
    sleep_for(seconds);
    put(1, "orphan\n", 7);
    _exit(0);
  }
}

static void eat(const char *mib) {
  size_t n = strtoul(mib, NULL, 10) << 20;
  char *p = malloc(n);
  if (!p) fail("malloc");
  for (size_t i = 0; i < n; i += 4096) ((volatile char *)p)[i] = 1;
  dprintf(1, "ate %s\n", mib);
}

static void print_size(void) {
  struct winsize w = {0};
  for (int fd = 0; fd < 3 && ioctl(fd, TIOCGWINSZ, &w) < 0; fd++) {
  }
  dprintf(1, "size %d %d\n", w.ws_row, w.ws_col);
}

static void print_id(void) {
  char folder[4096];
  if (!getcwd(folder, sizeof folder)) fail("getcwd");
  dprintf(1, "id %d %d %d %s\n", (int)getuid(), (int)getgid(), (int)getpid(), folder);
}

static void step_out(char **a) {
  put(1, a[0], strlen(a[0]));
}
static void step_err(char **a) {
  put(2, a[0], strlen(a[0]));
}
static void step_line(char **a) {
  dprintf(1, "%s\n", a[0]);
}
static void step_fill(char **a) {
  fill(strtoull(a[0], NULL, 10), 0);
}
static void step_fillerr(char **a) {
  fill(0, strtoull(a[0], NULL, 10));
}
static void step_both(char **a) {
  fill(strtoull(a[0], NULL, 10), strtoull(a[1], NULL, 10));
}
static void step_cat(char **a) {
  (void)a, drain(1);
}
static void step_count(char **a) {
  (void)a, dprintf(1, "%" PRIu64 "\n", drain(-1));
}
static void step_sleep(char **a) {
  sleep_for(a[0]);
}
static void step_trap(char **a) {
  handle(a[0], atoi(a[1]) + 1);
}
static void step_notice(char **a) {
  handle(a[0], 0);
}
static void step_ignore(char **a) {
  signal(signal_number(a[0]), SIG_IGN);
}
static void step_raise(char **a) {
  raise(signal_number(a[0]));
}
static void step_tty(char **a) {
  (void)a, dprintf(1, "tty %d %d %d\n", isatty(0), isatty(1), isatty(2));
}
static void step_winsize(char **a) {
  (void)a, print_size();
}
static void step_id(char **a) {
  (void)a, print_id();
}
static void step_env(char **a) {
  print_env(a[0]);
}
static void step_append(char **a) {
  append(a[0], a[1]);
}
static void step_lines(char **a) {
  count_lines(a[0]);
}
static void step_orphan(char **a) {
  orphan(a[0]);
}
static void step_eat(char **a) {
  eat(a[0]);
}
static void step_close(char **a) {
  close(atoi(a[0]));
}
static _Noreturn void step_exit(char **a) {
  _exit(atoi(a[0]));
}
static _Noreturn void step_forever(char **a) {
  (void)a;
  for (;;) pause();
}
static _Noreturn void step_argv(char **a) {
  for (; *a; a++) dprintf(1, "%zu:%s\n", strlen(*a), *a);
  _exit(0);
}

static const struct step {
  const char *name;
  int words;
  void (*run)(char **words);
} steps[] = {
    {"out", 1, step_out},         {"err", 1, step_err},         {"line", 1, step_line},
    {"fill", 1, step_fill},       {"fillerr", 1, step_fillerr}, {"both", 2, step_both},
    {"cat", 0, step_cat},         {"count", 0, step_count},     {"sleep", 1, step_sleep},
    {"forever", 0, step_forever}, {"trap", 2, step_trap},       {"notice", 1, step_notice},
    {"ignore", 1, step_ignore},   {"raise", 1, step_raise},     {"tty", 0, step_tty},
    {"winsize", 0, step_winsize}, {"id", 0, step_id},           {"env", 1, step_env},
    {"append", 2, step_append},   {"lines", 1, step_lines},     {"orphan", 1, step_orphan},
    {"eat", 1, step_eat},         {"close", 1, step_close},     {"argv", 0, step_argv},
    {"exit", 1, step_exit},
};

int main(int argc, char **argv) {
  for (int i = 1; i < argc;) {
    const struct step *found = NULL;
    for (size_t s = 0; s < sizeof steps / sizeof steps[0] && !found; s++)
      if (!strcmp(steps[s].name, argv[i])) found = &steps[s];
    if (!found || argc - i - 1 < found->words) {
      dprintf(2, "probe: %s: unknown step or too few words\n", argv[i]);
      return 98;
    }
    found->run(argv + i + 1);
    i += 1 + found->words;
  }
  return 0;
}
