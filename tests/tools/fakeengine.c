/* clang-format off */
/* A scripted engine for wire tests:  fakeengine SOCKET SCRIPT LOG
 * Listens on the Unix socket SOCKET (it appears once connecting works) and answers by SCRIPT until killed. Every
 * request is one line of LOG: METHOD PATH BODY (path as sent, newlines of the body as \n).
 * A rule begins in column 0, its directives are indented; '#' begins a comment line. With examples:
 * tests/wire/README.md.
 *
 *   METHOD PATTERN [xN]  METHOD may be *, GET is for HEAD as well; PATTERN is fnmatch(3) on path and query
 *                        without /vN.NN. The first rule that matches is taken; xN: only the first N times.
 *   status N             default 200
 *   header NAME: VALUE   one more line of the head
 *   body TEXT            head with Content-Length, TEXT and a newline (as engines write JSON), verbatim
 *   body @FILE           the same with the exact bytes of FILE
 *   head                 head of a chunked answer now, chunks later
 *   chunk TEXT           a chunk: TEXT and a newline, verbatim; the last one is added at the rule's end
 *   upgrade              101 UPGRADED; the connection ends with the rule
 *   frame N TEXT         docker frame of stream N; \n \r \t \\ \0 \xHH are understood
 *   raw TEXT             bytes as they are, the same escapes; no head is added
 *   rawfile FILE         exactly the bytes of FILE; no head is added
 *   split N              from here on N bytes at a time, 1 ms apart; 0: off
 *   cleave N             a pause of 3 ms behind the next N bytes
 *   sleep MS             waits
 *   save VAR KEY         VAR = "KEY":"..." of the request's body or KEY=... of its query; every text may use
 *                        ${VAR} from then on, in any connection
 *   logheader NAME       one line of LOG: HEADER NAME: VALUE, if the request has it
 *   readeof              reads to the peer's half-close; one line of LOG: INPUT N TEXT
 *   hang, stall          nothing more until the peer closes
 *   cut                  closes at once
 *
 * A rule without an answer answers with an empty body; no rule: 404 {"message":"not scripted: METHOD PATH"}. */
/* clang-format on */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 256
#define VARS_MAX 16
#define REQUEST_MAX (8u << 20)

struct rule {
  char *method, *pattern;
  int limit; /* 0: none */
  char *lines[64];
  int n_lines;
};

struct shared { /* between the processes of all connections */
  int used[RULES_MAX];
  struct {
    char name[32], value[512];
  } vars[VARS_MAX];
};

struct conn {
  int fd;
  char *in; /* requests as they come */
  size_t n;
  char method[16], path[8192];
  const char *body; /* within in */
  size_t body_len, total;
  size_t split, cleave;
  bool close;
};

struct answer {
  int status;
  char headers[4096];
  bool begun, chunked;
};

static struct rule rules[RULES_MAX];
static int n_rules;
static struct shared *shared;
static int log_fd;

static void die(const char *what) {
  fprintf(stderr, "fakeengine: %s: %s\n", what, strerror(errno));
  exit(2);
}

static char *slurp(const char *path, size_t *ret_n) {
  FILE *f = fopen(path, "re");
  char *p = NULL;
  size_t n = 0, k;
  if (!f) die(path);
  do {
    if (!(p = realloc(p, n + 65537))) die("memory");
    n += k = fread(p + n, 1, 65536, f);
  } while (k);
  fclose(f);
  p[n] = '\0';
  if (ret_n) *ret_n = n;
  return p;
}

static void parse_script(const char *path) {
  char *save = NULL;
  for (char *line = strtok_r(slurp(path, NULL), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
    char *p = line + strspn(line, " \t");
    if (!*p || *p == '#') continue;
    if (p == line) {
      struct rule *r = &rules[n_rules++];
      if (n_rules > RULES_MAX || sscanf(line, "%ms %ms x%d", &r->method, &r->pattern, &r->limit) < 2) {
        fprintf(stderr, "fakeengine: not a rule: %s\n", line);
        exit(2);
      }
    } else if (n_rules && rules[n_rules - 1].n_lines < 64)
      rules[n_rules - 1].lines[rules[n_rules - 1].n_lines++] = p;
  }
}

static void nap(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

/* How many of the n bytes go in one packet. */
static size_t part_of(const struct conn *c, size_t n) {
  size_t part = c->split && c->split < n ? c->split : n;
  return c->cleave && c->cleave < part ? c->cleave : part;
}

static void put(struct conn *c, const char *p, size_t n) {
  while (n && !c->close) {
    size_t part = part_of(c, n);
    ssize_t k = send(c->fd, p, part, MSG_NOSIGNAL);
    if (k < 0) {
      c->close = true;
      return;
    }
    p += k;
    n -= (size_t)k;
    if (c->cleave && !(c->cleave -= (size_t)k)) nap(3);
    if (c->split) nap(1);
  }
}

/* ${VAR} */
static char *expand(const char *s) {
  char *out = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&out, &n);
  while (*s) {
    const char *end = !strncmp(s, "${", 2) ? strchr(s, '}') : NULL;
    const char *value = NULL;
    for (int i = 0; end && i < VARS_MAX; i++)
      if (*shared->vars[i].name && strlen(shared->vars[i].name) == (size_t)(end - s - 2) &&
          !strncmp(shared->vars[i].name, s + 2, (size_t)(end - s - 2)))
        value = shared->vars[i].value;
    if (value) {
      fputs(value, f);
      s = end + 1;
    } else
      fputc(*s++, f);
  }
  fclose(f);
  return out;
}

/* Escapes in place; the new length. */
static size_t unescape(char *s) {
  char *out = s, *begin = s;
  while (*s) {
    unsigned hex;
    if (*s != '\\' || !s[1]) {
      *out++ = *s++;
      continue;
    }
    s++;
    if (*s == 'x' && sscanf(s + 1, "%2x", &hex) == 1) {
      *out++ = (char)hex;
      s += 3;
      continue;
    }
    *out++ = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s == '0' ? '\0' : *s;
    s++;
  }
  return (size_t)(out - begin);
}

static void log_line(const char *head, const char *p, size_t n) {
  char *out = NULL;
  size_t len = 0;
  FILE *f = open_memstream(&out, &len);
  fputs(head, f);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)p[i];
    if (c == '\n')
      fputs("\\n", f);
    else if (c < 32 || c > 126)
      fprintf(f, "\\x%02x", c);
    else
      fputc(c, f);
  }
  fputc('\n', f);
  fclose(f);
  if (write(log_fd, out, len) < 0) die("log"); /* O_APPEND: whole lines, whoever writes */
  free(out);
}

static void begin_answer(struct conn *c, struct answer *a, long long length) {
  char head[8192];
  bool none = a->status == 204 || a->status == 304 || length == -2;
  int n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nServer: fake\r\n%s", a->status,
                   a->status == 101  ? "UPGRADED"
                   : a->status < 400 ? "OK"
                                     : "Fault",
                   a->headers);
  if (a->begun) return;
  a->begun = true;
  a->chunked = length == -1;
  if (a->chunked)
    n += snprintf(head + n, sizeof head - (size_t)n, "Transfer-Encoding: chunked\r\n");
  else if (!none)
    n += snprintf(head + n, sizeof head - (size_t)n, "Content-Length: %lld\r\n", length);
  n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
  put(c, head, (size_t)n);
}

static void put_body(struct conn *c, struct answer *a, const char *p, size_t n) {
  begin_answer(c, a, (long long)n);
  if (strcmp(c->method, "HEAD") && a->status != 204) put(c, p, n);
}

static void put_chunk(struct conn *c, const char *text) {
  char size[32];
  put(c, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", strlen(text) + 1));
  put(c, text, strlen(text));
  put(c, "\n\r\n", 3);
}

static void put_frame(struct conn *c, char *arg) {
  char *text = arg + strcspn(arg, " ");
  unsigned char head[8] = {(unsigned char)atoi(arg)};
  size_t n;
  if (*text) text++;
  n = unescape(text);
  for (int i = 0; i < 4; i++) head[4 + i] = (unsigned char)(n >> (24 - 8 * i));
  char *all = malloc(n + 8); /* one packet, as engines send it */
  if (!all) die("memory");
  memcpy(all, head, 8);
  memcpy(all + 8, text, n);
  put(c, all, n + 8);
  free(all);
}

/* Reads to the end of the peer's sending; log: note it. */
static void read_to_end(struct conn *c, bool log) {
  char buf[65536], kept[256], head[64];
  size_t total = c->n - c->total, k = total < sizeof kept ? total : sizeof kept;
  ssize_t n;
  memcpy(kept, c->in + c->total, k);
  while ((n = read(c->fd, buf, sizeof buf)) > 0) {
    size_t room = sizeof kept - k, take = (size_t)n < room ? (size_t)n : room;
    memcpy(kept + k, buf, take);
    k += take;
    total += (size_t)n;
  }
  c->n = c->total;
  snprintf(head, sizeof head, "INPUT %zu ", total);
  if (log) log_line(head, kept, k);
}

static void save_var(struct conn *c, const char *arg) {
  char name[32], key[128], find[160];
  const char *p, *stop = "\"";
  int i = 0;
  if (sscanf(arg, "%31s %127s", name, key) != 2) return;
  snprintf(find, sizeof find, "\"%s\":\"", key);
  p = memmem(c->body, c->body_len, find, strlen(find));
  if (!p) {
    snprintf(find, sizeof find, "%s=", key);
    p = strstr(c->path, find);
    stop = "&";
  }
  if (!p) return;
  p += strlen(find);
  while (i < VARS_MAX - 1 && *shared->vars[i].name && strcmp(shared->vars[i].name, name)) i++;
  snprintf(shared->vars[i].value, sizeof shared->vars[i].value, "%.*s", (int)strcspn(p, stop), p);
  snprintf(shared->vars[i].name, sizeof shared->vars[i].name, "%s", name);
}

static void log_header(const struct conn *c, const char *name) {
  size_t n = strlen(name);
  for (const char *p = c->in; (p = memchr(p, '\n', (size_t)(c->body - p))) && ++p < c->body;)
    if (!strncasecmp(p, name, n) && p[n] == ':') log_line("HEADER ", p, strcspn(p, "\r\n"));
}

static void put_body_text(struct conn *c, struct answer *a, char *arg) {
  size_t n = strlen(arg);
  char *file = *arg == '@' ? slurp(arg + 1, &n) : NULL;
  if (!file) arg[n++] = '\n'; /* over the NUL */
  put_body(c, a, file ? file : arg, n);
  free(file);
}

static void add_header(struct answer *a, const char *line) {
  size_t n = strlen(a->headers);
  snprintf(a->headers + n, sizeof a->headers - n, "%s\r\n", line);
}

/* Directives that send; false: it is none of them. */
static bool sends(struct conn *c, struct answer *a, const char *name, char *arg) {
  if (!strcmp(name, "body"))
    put_body_text(c, a, arg);
  else if (!strcmp(name, "head"))
    begin_answer(c, a, -1);
  else if (!strcmp(name, "chunk")) {
    begin_answer(c, a, -1);
    put_chunk(c, arg);
  } else if (!strcmp(name, "upgrade")) {
    a->status = 101;
    add_header(a, "Connection: Upgrade\r\nUpgrade: tcp");
    begin_answer(c, a, -2);
  } else if (!strcmp(name, "frame"))
    put_frame(c, arg);
  else if (!strcmp(name, "raw")) {
    a->begun = true;
    put(c, arg, unescape(arg));
  } else if (!strcmp(name, "rawfile")) {
    size_t n;
    char *p = slurp(arg, &n);
    a->begun = true;
    put(c, p, n);
    free(p);
  } else
    return false;
  return true;
}

static void directive(struct conn *c, struct answer *a, const char *line) {
  char *text = expand(line), *arg = text + strcspn(text, " ");
  if (*arg) *arg++ = '\0';
  if (sends(c, a, text, arg))
    ;
  else if (!strcmp(text, "status"))
    a->status = atoi(arg);
  else if (!strcmp(text, "header"))
    add_header(a, arg);
  else if (!strcmp(text, "split"))
    c->split = (size_t)atoi(arg);
  else if (!strcmp(text, "cleave"))
    c->cleave = (size_t)atoi(arg);
  else if (!strcmp(text, "sleep"))
    nap(atol(arg));
  else if (!strcmp(text, "save"))
    save_var(c, arg);
  else if (!strcmp(text, "logheader"))
    log_header(c, arg);
  else if (!strcmp(text, "readeof"))
    read_to_end(c, true);
  else if (!strcmp(text, "hang") || !strcmp(text, "stall")) {
    read_to_end(c, false);
    c->close = true;
  } else if (!strcmp(text, "cut"))
    c->close = true;
  else {
    fprintf(stderr, "fakeengine: not a directive: %s\n", text);
    kill(getppid(), SIGTERM);
    exit(2);
  }
  free(text);
}

static const struct rule *find_rule(const char *method, const char *path) {
  const char *p = path;
  if (p[0] == '/' && p[1] == 'v' && isdigit((unsigned char)p[2])) p += 1 + strcspn(p + 1, "/");
  for (int i = 0; i < n_rules; i++) {
    const struct rule *r = &rules[i];
    bool head = !strcmp(method, "HEAD") && !strcmp(r->method, "GET");
    if (strcmp(r->method, "*") && strcmp(r->method, method) && !head) continue;
    if (fnmatch(r->pattern, p, 0)) continue;
    if (r->limit && __sync_fetch_and_add(&shared->used[i], 1) >= r->limit) continue;
    return r;
  }
  return NULL;
}

static void answer(struct conn *c) {
  const struct rule *r = find_rule(c->method, c->path);
  struct answer a = {.status = 200};
  char text[9000];
  snprintf(text, sizeof text, "%s %s%s", c->method, c->path, c->body_len ? " " : "");
  log_line(text, c->body, c->body_len);
  c->split = c->cleave = 0;
  if (!r) {
    a.status = 404;
    int n = snprintf(text, sizeof text, "{\"message\":\"not scripted: %s %s\"}\n", c->method, c->path);
    put_body(c, &a, text, (size_t)n);
    return;
  }
  for (int i = 0; i < r->n_lines && !c->close; i++) directive(c, &a, r->lines[i]);
  if (c->close) return;
  if (a.chunked) put(c, "0\r\n\r\n", 5);
  begin_answer(c, &a, 0);
  if (a.status == 101) c->close = true;
}

/* The next whole request into c; false: the peer has gone. */
static bool read_request(struct conn *c) {
  for (;;) {
    char *end = memmem(c->in, c->n, "\r\n\r\n", 4), *p;
    ssize_t k;
    if (end) {
      c->body = end + 4;
      c->body_len = 0;
      for (p = c->in; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        if (!strncasecmp(p + 1, "Content-Length:", 15)) c->body_len = strtoul(p + 16, NULL, 10);
      c->total = (size_t)(c->body - c->in) + c->body_len;
      if (c->total <= c->n) return sscanf(c->in, "%15s %8191s", c->method, c->path) == 2;
    }
    if (c->n == REQUEST_MAX || (k = read(c->fd, c->in + c->n, REQUEST_MAX - c->n)) <= 0) return false;
    c->n += (size_t)k;
    c->in[c->n] = '\0';
  }
}

static void serve(int fd) {
  struct conn c = {.fd = fd, .in = malloc(REQUEST_MAX + 1)};
  if (!c.in) die("memory");
  while (!c.close && read_request(&c)) {
    answer(&c);
    memmove(c.in, c.in + c.total, c.n - c.total);
    c.n -= c.total;
  }
  exit(0);
}

int main(int argc, char **argv) {
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (argc != 4) {
    fprintf(stderr, "usage: fakeengine SOCKET SCRIPT LOG\n");
    return 2;
  }
  parse_script(argv[2]);
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if ((log_fd = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) die(argv[3]);
  snprintf(sa.sun_path, sizeof sa.sun_path, "%s.new", argv[1]);
  unlink(sa.sun_path);
  if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) || listen(fd, 64)) die(argv[1]);
  if (rename(sa.sun_path, argv[1])) die(argv[1]);
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (c < 0) continue;
    if (!fork()) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      close(fd);
      serve(c);
    }
    close(c);
  }
}
