/* What an answer of the API server tells: its Status in words, its clock, its warnings. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/json.h"
#include "runtime/kube/reach.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WARNINGS_MAX 100 /* of one run; a webhook may have much to say */

static bool is_quota(const char *words) {
  return strstr(words, "exceeded quota") || strstr(words, "failed quota");
}

/* etcd did not answer in time, or its leader changed: 500, though the change may have been made. */
static bool may_have_acted(const char *words) {
  static const char *const marks[] = {"timed out", "leader changed", "deadline exceeded", "context canceled"};
  for (size_t i = 0; i < ARRAY_LEN(marks); i++)
    if (strstr(words, marks[i])) return true;
  return false;
}

static enum error_kind kind_of(long status, const char *reason, const char *words) {
  if (!strcmp(reason, "Timeout") || !strcmp(reason, "ServerTimeout")) return ERR_TIMEOUT;
  switch (status) {
  case 404:
  case 410:
    return ERR_MISSING;
  case 409: /* with this reason: a quota's own object was being changed by another request */
    return ERR_CONFLICT;
  case 401:
    return ERR_PERMISSION;
  case 403:
    return is_quota(words) ? ERR_QUOTA : ERR_PERMISSION;
  case 422:
    return ERR_CONFIG;
  case 502: /* a proxy's: the server may act */
    return ERR_LOST;
  case 504:
    return ERR_TIMEOUT;
  default:
    return status / 100 == 5 && may_have_acted(words) ? ERR_TIMEOUT : ERR_ENGINE;
  }
}

/* The Status' message, else the text as it came, else only the number. For free(). */
static char *words_of(const struct http_response *r, json_t *status) {
  const char *message = json_str(status, "message");
  const char *body = r->body.len ? r->body.data : "";
  char *words = xmalloc(ERROR_TEXT_MAX);
  snprintf(words, ERROR_TEXT_MAX, "%s", message ? message : status ? "" : body);
  error_one_line(words, ERROR_TEXT_MAX);
  if (*words && strcmp(words, "Unauthorized") != 0) return words;
  free(words);
  if (r->status == 401)
    return xstrdup("Unauthorized: the API server does not accept the credentials, or they have expired; log "
                   "in again");
  return xprintf("the API server answered HTTP %ld without a word", r->status);
}

int kube_fault(const struct http_response *r, const char *what, struct error *err) {
  struct error ignored = ERROR_INIT;
  const char *body = r->body.len ? r->body.data : "";
  CLEANUP_JSON json_t *status = *body == '{' ? json_parse(body, r->body.len, &ignored) : NULL;
  CLEANUP_FREE char *words = words_of(r, status);
  const char *reason = json_str(status, "reason");
  error_set(err, kind_of(r->status, reason ? reason : "", words), "%s: %s", what, words);
  if (err) err->http_status = r->status;
  return -1;
}

/* The Date header has whole seconds, cut off: the middle of that second is the best guess. */
static void note_clock(struct kube *k, const struct http_response *r) {
  CLEANUP_FREE char *date = http_header(r, "Date");
  int64_t ns = date ? clock_parse_http_date(date) : 0;
  if (!ns) return;
  k->clock_offset_ns = ns + 500000000 - clock_wall_ns();
  k->clock_known = true;
}

#define ROOM 3 /* behind a text, for error_one_line() */

/* RFC 7234, 5.5: 299 agent "text" ["date"][, ...]. *p is moved behind it. NULL: no more. For free(). */
static char *next_warning(const char **p, const char *end) {
  const char *q = memchr(*p, '"', (size_t)(end - *p));
  if (!q) return NULL;
  char *text = xmalloc((size_t)(end - q) + ROOM), *t = text;
  for (q++; q < end && *q != '"'; q++) {
    if (*q == '\\' && q + 1 < end) q++;
    *t++ = *q;
  }
  *t = '\0';
  if (q < end) q++;
  if (end - q > 1 && q[0] == ' ' && q[1] == '"') { /* the date */
    const char *date = memchr(q + 2, '"', (size_t)(end - q - 2));
    q = date ? date + 1 : end;
  }
  *p = q;
  return text;
}

static void note_warning(struct kube *k, char *text) {
  error_one_line(text, strlen(text) + ROOM);
  if (*text && k->warned.n < WARNINGS_MAX && !strv_has(&k->warned, text)) {
    strv_add(&k->warned, text);
    strv_add(&k->warnings, text);
  }
  free(text);
}

void kube_note(struct kube *k, const struct http_response *r) {
  static const char name[] = "Warning:";
  note_clock(k, r);
  const char *p = r->headers.len ? r->headers.data : "";
  while (*p) {
    const char *end = p + strcspn(p, "\r\n");
    if (!strncasecmp(p, name, sizeof name - 1))
      for (char *text; (text = next_warning(&p, end));) note_warning(k, text);
    p = end + strspn(end, "\r\n");
  }
}
