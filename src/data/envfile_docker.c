#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/envfile.h"
#include "data/json.h"
#include <string.h>

static bool is_utf8(const char *s, size_t n) {
  CLEANUP_JSON json_t *checked = json_stringn(s, n); /* NULL unless UTF-8 */
  return checked != NULL;
}

/* A line without its newline. Names are not quoted in complaints either: a stray line is often the rest of a
 * value that somebody broke (a key in PEM). */
static int one_line(const char *file, int number, const char *s, size_t n, envfile_fn *fn, void *data,
                    struct error *err) {
  if (memchr(s, '\0', n)) return error_set(err, ERR_CONFIG, "%s:%d: a NUL byte", file, number);
  if (!is_utf8(s, n)) return error_set(err, ERR_CONFIG, "%s:%d: not UTF-8", file, number);
  CLEANUP_FREE char *line = xstrndup(s, n);
  char *name = line + strspn(line, " \t\v\f\r");
  if (!*name || *name == '#') return 0;
  char *value = strchr(name, '=');
  if (value) *value++ = '\0';
  if (!*name) return error_set(err, ERR_CONFIG, "%s:%d: no variable name before =", file, number);
  if (strpbrk(name, " \t"))
    return error_set(err, ERR_CONFIG, "%s:%d: a variable name must not contain spaces", file, number);
  return fn(data, name, value, number, err);
}

int envfile_docker_text(const char *file, const char *text, size_t len, envfile_fn *fn, void *data,
                        struct error *err) {
  if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
    text += 3;
    len -= 3;
  }
  for (int number = 1; len; number++) {
    const char *newline = memchr(text, '\n', len);
    size_t whole = newline ? (size_t)(newline - text) : len, n = whole;
    if (n && text[n - 1] == '\r') n--; /* as Go's line scanner does */
    if (one_line(file, number, text, n, fn, data, err)) return -1;
    if (newline) whole++;
    text += whole;
    len -= whole;
  }
  return 0;
}

int envfile_docker(const char *path, envfile_fn *fn, void *data, struct error *err) {
  struct buf text;
  if (file_read(path, LIMIT_ENV_FILE, &text, err)) return -1;
  int result = envfile_docker_text(path, text.data, text.len, fn, data, err);
  buf_done(&text);
  return result;
}
