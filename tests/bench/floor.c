/* What nobody can do without: the bare API calls of one job, over raw sockets, with nothing promised. create,
 * attach, wait, start, read, state, delete; one kept connection for the calls, one for the stream, one for
 * the pending wait.
 *
 *   floor SOCKET NAME <BODY      BODY: the JSON for create, as `run-once plan --output engine` prints it
 *
 * Output goes where it belongs; the exit status is the command's. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define API "/v1.41"
#define BODY_MAX (16 << 20)

struct answer {
  int status;
  char head[8192];
  char *body; /* of `have` bytes, inside buf */
  size_t have;
};

static const char *path_of_socket;
static char buf[1 << 18];

static void die(const char *what) {
  fprintf(stderr, "floor: %s\n", what);
  exit(125);
}

static int dial(void) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  snprintf(a.sun_path, sizeof a.sun_path, "%s", path_of_socket);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) die("cannot connect");
  return fd;
}

static void put(int fd, const char *p, size_t n) {
  while (n) {
    ssize_t k = write(fd, p, n);
    if (k <= 0) die("cannot write");
    p += k;
    n -= (size_t)k;
  }
}

static void ask(int fd, const char *method, const char *path, const char *more, const char *body, size_t n) {
  char head[1024];
  int k = snprintf(head, sizeof head,
                   "%s " API "%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
                   "Content-Length: %zu\r\n\r\n",
                   method, path, more, n);
  put(fd, head, (size_t)k);
  put(fd, body, n);
}

/* Head of an answer; what came with it stays in buf. */
static void read_head(int fd, struct answer *a) {
  size_t n = 0;
  char *end = NULL;
  while (!end) {
    ssize_t k = read(fd, buf + n, sizeof buf - n);
    if (k <= 0) die("the engine closed the connection");
    n += (size_t)k;
    end = memmem(buf, n, "\r\n\r\n", 4);
  }
  size_t len = (size_t)(end + 4 - buf);
  snprintf(a->head, sizeof a->head, "%.*s", (int)len, buf);
  a->status = atoi(a->head + 9);
  a->body = buf + len;
  a->have = n - len;
}

/* Chunked bodies are not decoded: what is looked for in them stands in one piece. */
static void read_answer(int fd, struct answer *a) {
  read_head(fd, a);
  const char *length = strcasestr(a->head, "content-length:");
  bool chunked = strcasestr(a->head, "chunked") != NULL;
  size_t want = length ? (size_t)atol(length + 15) : 0;
  while (chunked ? !memmem(a->body, a->have, "\r\n0\r\n\r\n", 7) : a->have < want) {
    if (a->body + a->have + 1 >= buf + sizeof buf) die("a large answer");
    ssize_t k = read(fd, a->body + a->have, (size_t)(buf + sizeof buf - 1 - a->body) - a->have);
    if (k <= 0) die("an answer was cut");
    a->have += (size_t)k;
  }
  a->body[a->have] = '\0';
}

static void expect(const struct answer *a, int status, const char *what) {
  if (a->status == status) return;
  fprintf(stderr, "%s\n", a->have ? a->body : a->head);
  die(what);
}

/* Frames to the two streams, until the engine ends the connection. */
static void copy_output(int fd, size_t have, size_t from) {
  unsigned char head[8];
  size_t n_head = 0, left = 0;
  for (;;) {
    while (have) {
      size_t k = left ? left : 8 - n_head;
      if (k > have) k = have;
      if (left) {
        put(head[0] == 2 ? 2 : 1, buf + from, k);
        left -= k;
      } else {
        memcpy(head + n_head, buf + from, k);
        n_head += k;
        if (n_head == 8) {
          left = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
          n_head = 0;
        }
      }
      from += k;
      have -= k;
    }
    ssize_t r = read(fd, buf, sizeof buf);
    if (r <= 0) return;
    have = (size_t)r;
    from = 0;
  }
}

int main(int argc, char **argv) {
  static char body[BODY_MAX], id[65], path[256];
  struct answer a, unread;
  size_t n = 0;
  if (argc != 3) die("usage: floor SOCKET NAME <BODY");
  path_of_socket = argv[1];
  for (ssize_t k; (k = read(0, body + n, sizeof body - n)) > 0;) n += (size_t)k;
  int calls = dial(), stream = dial(), wait = dial();

  snprintf(path, sizeof path, "/containers/create?name=%s", argv[2]);
  ask(calls, "POST", path, "", body, n);
  read_answer(calls, &a);
  expect(&a, 201, "create");
  const char *found = strstr(a.body, "\"Id\":\"");
  if (!found) die("create told no id");
  memcpy(id, found + 6, 64);

  snprintf(path, sizeof path, "/containers/%s/wait?condition=next-exit", id);
  ask(wait, "POST", path, "", "", 0);
  read_head(wait, &a);
  expect(&a, 200, "wait");

  snprintf(path, sizeof path, "/containers/%s/attach?stream=1&stdout=1&stderr=1", id);
  ask(stream, "POST", path, "Connection: Upgrade\r\nUpgrade: tcp\r\n", "", 0);
  read_head(stream, &a);
  expect(&a, 101, "attach");
  if (a.have) die("output before the start");

  snprintf(path, sizeof path, "/containers/%s/start", id);
  ask(calls, "POST", path, "", "", 0);
  read_answer(calls, &unread);
  expect(&unread, 204, "start");
  copy_output(stream, 0, 0);

  while (read(wait, buf, sizeof buf) > 0 && !strstr(buf, "StatusCode")) {
  }
  snprintf(path, sizeof path, "/containers/%s/json", id);
  ask(calls, "GET", path, "", "", 0);
  read_answer(calls, &a);
  expect(&a, 200, "state");
  const char *code = strstr(a.body, "\"ExitCode\":");
  int status = code ? atoi(code + 11) : 125;

  snprintf(path, sizeof path, "/containers/%s?v=1", id);
  ask(calls, "DELETE", path, "", "", 0);
  read_answer(calls, &a);
  expect(&a, 204, "delete");
  return status;
}
