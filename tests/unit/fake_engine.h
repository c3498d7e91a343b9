/* An engine that says what a test wants it to say: each request is answered by the first row whose `request`
 * is part of its first line, then the connection is closed. */
#ifndef UNIT_FAKE_ENGINE_H
#define UNIT_FAKE_ENGINE_H
#include "server.h"
#include <stdbool.h>

struct row {
  const char *request;
  const char *answer; /* all bytes; NULL: the connection is closed without a word */
  size_t n;           /* of the answer; 0: a string */
  bool once;          /* only the first time (rows 0 to 7) */
  bool hold;          /* the connection stays open behind the answer */
};
struct script {
  const struct row *rows;
  size_t n;
};

static inline bool row_fits(const struct script *s, size_t i, const char *line, struct counters *count) {
  if (!strstr(line, s->rows[i].request)) return false;
  return !s->rows[i].once || count->n[i]++ == 0;
}

static void fake_serve(int fd, int connection, struct counters *count, const void *data) {
  static char request[1 << 20];
  const struct script *s = data;
  (void)connection;
  if (!server_request(fd, request, sizeof request)) return;
  request[strcspn(request, "\r\n")] = 0;
  for (size_t i = 0; i < s->n; i++) {
    if (!row_fits(s, i, request, count)) continue;
    const struct row *r = &s->rows[i];
    if (r->answer) server_write(fd, r->answer, r->n ? r->n : strlen(r->answer));
    if (r->hold) pause();
    return;
  }
}
#endif
