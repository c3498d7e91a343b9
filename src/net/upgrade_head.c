#include "net/upgrade_head.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/json.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *upgrade_head_header(const char *p, size_t n, const char *name) {
  const char *end = p + n;
  size_t k = strlen(name);
  for (const char *line = p; line < end;) {
    const char *eol = memchr(line, '\n', (size_t)(end - line));
    size_t len = (size_t)((eol ? eol : end) - line);
    if (len > k && !strncasecmp(line, name, k) && line[k] == ':') {
      const char *v = line + k + 1, *stop = line + len;
      while (v < stop && (*v == ' ' || *v == '\t')) v++;
      while (stop > v && strchr(" \t\r", stop[-1])) stop--;
      return xstrndup(v, (size_t)(stop - v));
    }
    if (!eol) break;
    line = eol + 1;
  }
  return NULL;
}

int upgrade_head_parse(const char *p, size_t n, struct upgrade_head *ret) {
  static const char want[] = "HTTP/1.";
  size_t known = n < sizeof want - 1 ? n : sizeof want - 1;
  const char *end;
  if (memcmp(p, want, known)) return -1;
  if (!(end = memmem(p, n, "\r\n\r\n", 4))) return 0;
  struct upgrade_head h = {.len = (size_t)(end - p) + 4, .body = -1};
  if (h.len < 14 || p[8] != ' ') return -1;
  for (int i = 9; i < 12; i++) {
    if (p[i] < '0' || p[i] > '9') return -1;
    h.status = h.status * 10 + p[i] - '0';
  }
  CLEANUP_FREE char *length = upgrade_head_header(p, h.len, "Content-Length"),
                    *coding = upgrade_head_header(p, h.len, "Transfer-Encoding");
  if (length) h.body = strtoll(length, NULL, 10);
  if (h.body < 0) h.body = -1;
  h.chunked = coding && !strcasecmp(coding, "chunked");
  *ret = h;
  return 1;
}

/* Decodes chunks into out (n bytes are enough); *ret_whole: the last one was there. */
static size_t dechunk(const char *p, size_t n, char *out, bool *ret_whole) {
  size_t got = 0;
  *ret_whole = false;
  while (n) {
    const char *eol = memchr(p, '\n', n);
    size_t skip = eol ? (size_t)(eol - p) + 1 : 0, size;
    if (!eol) break;
    size = strtoul(p, NULL, 16); /* stops at the line's end at the latest */
    p += skip;
    n -= skip;
    if (!size) {
      *ret_whole = true;
      break;
    }
    if (size > n) size = n;
    memcpy(out + got, p, size);
    got += size;
    p += size;
    n -= size;
    if (n && *p == '\r') p++, n--;
    if (n && *p == '\n') p++, n--;
  }
  return got;
}

bool upgrade_body_whole(const struct upgrade_head *h, const char *p, size_t n) {
  if (h->chunked) {
    bool whole;
    CLEANUP_FREE char *out = xmalloc(n + 1);
    dechunk(p, n, out, &whole);
    return whole;
  }
  return h->body >= 0 && n >= (unsigned long long)h->body;
}

/* The engine's own words: {"message":...} (Podman: also "cause", which it repeats) or plain text. */
static char *words(const char *body, size_t n) {
  json_t CLEANUP_JSON *o = n && *body == '{' ? json_parse(body, n, NULL) : NULL;
  const char *message = o ? json_str(o, "message") : NULL;
  return message ? xstrdup(message) : xstrndup(body, n < ERROR_TEXT_MAX ? n : ERROR_TEXT_MAX);
}

int upgrade_refused(const struct upgrade_head *h, const struct endpoint *ep, const char *body, size_t n,
                    struct error *err) {
  enum error_kind kind = h->status == 404 ? ERR_MISSING : h->status == 409 ? ERR_CONFLICT : ERR_ENGINE;
  CLEANUP_FREE char *plain = xmalloc(n + 1);
  CLEANUP_FREE char *text = NULL;
  if (h->status / 100 == 2) {
    error_set(err, kind,
              "%s answered %ld instead of 101: something between us and the engine takes the attached "
              "stream apart (a proxy?)",
              ep->text, h->status);
  } else {
    bool whole;
    if (h->chunked)
      n = dechunk(body, n, plain, &whole);
    else
      memcpy(plain, body, n);
    plain[n] = '\0';
    text = words(plain, n);
    if (text[strspn(text, " \t\r\n")])
      error_set(err, kind, "%s", text);
    else
      error_set(err, kind, "%s answered %ld without a word", ep->text, h->status);
  }
  if (err) err->http_status = h->status;
  return -1;
}
