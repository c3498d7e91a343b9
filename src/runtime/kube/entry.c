/* Values of one kubeconfig entry, each complaint with file and line. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/hash.h"
#include "runtime/kube/kubeconfig.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int entry_fault(const struct kubeconfig_entry *e, int line, struct error *err, const char *fmt, ...) {
  char text[ERROR_TEXT_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return error_set(err, ERR_CONFIG, "%s:%d: %s '%s': %s", e->file->path, line ? line : e->line, e->kind,
                   e->name, text);
}

char *entry_path(const struct kubeconfig_entry *e, const char *path) {
  return *path == '/' ? xstrdup(path) : xprintf("%s/%s", e->file->dir, path);
}

static const struct yaml *value_of(const struct kubeconfig_entry *e, const char *key) {
  const struct yaml *y = e->map ? yaml_get(e->map, key) : NULL;
  return y && y->kind != YAML_NULL ? y : NULL;
}

/* What a control character does in a header, a URL or a file's name is nobody's intention. */
static bool has_control(const char *s) {
  for (; *s; s++)
    if ((unsigned char)*s < ' ' || *s == 0x7f) return true;
  return false;
}

int entry_text(const struct kubeconfig_entry *e, const char *key, const char **ret, struct error *err) {
  const struct yaml *y = value_of(e, key);
  *ret = NULL;
  if (!y) return 0;
  if (y->kind == YAML_MAP || y->kind == YAML_LIST)
    return entry_fault(e, y->line, err, "%s must be a text, not %s", key, yaml_kind_name(y->kind));
  if (has_control(y->text)) return entry_fault(e, y->line, err, "%s holds control characters", key);
  if (*y->text) *ret = y->text;
  return 0;
}

int entry_bool(const struct kubeconfig_entry *e, const char *key, bool *ret, struct error *err) {
  const struct yaml *y = value_of(e, key);
  *ret = false;
  if (!y) return 0;
  if (y->kind != YAML_BOOL) return entry_fault(e, y->line, err, "%s must be true or false", key);
  *ret = *y->text == 't' || *y->text == 'T';
  return 0;
}

int entry_file(const struct kubeconfig_entry *e, const char *key, char **ret, struct error *err) {
  const char *text;
  *ret = NULL;
  if (entry_text(e, key, &text, err) < 0) return -1;
  if (!text) return 0;
  CLEANUP_FREE char *path = entry_path(e, text);
  if (access(path, R_OK) < 0)
    return entry_fault(e, value_of(e, key)->line, err, "%s: %s: %s", key, path, strerror(errno));
  *ret = TAKE(path);
  return 0;
}

/* Base64 of Go's kind: line ends between are skipped. NULL: it is none. */
static char *decode(const char *text, size_t *ret_n) {
  CLEANUP_FREE char *clean = xmalloc(strlen(text) + 1);
  char *p = clean;
  for (; *text; text++)
    if (!strchr("\r\n \t", *text)) *p++ = *text;
  *p = '\0';
  char *bytes = base64_decode(clean, ret_n);
  explicit_bzero(clean, strlen(clean));
  return bytes;
}

static int entry_data(const struct kubeconfig_entry *e, const char *key, char **ret, struct error *err) {
  const struct yaml *y = value_of(e, key);
  size_t n = 0;
  *ret = NULL;
  if (!y || (y->kind != YAML_MAP && y->kind != YAML_LIST && !*y->text)) return 0;
  if (y->kind == YAML_MAP || y->kind == YAML_LIST)
    return entry_fault(e, y->line, err, "%s must be a text, not %s", key, yaml_kind_name(y->kind));
  char *pem = decode(y->text, &n);
  if (pem && strlen(pem) == n && strstr(pem, "-----BEGIN ")) {
    *ret = pem;
    return 0;
  }
  if (pem) explicit_bzero(pem, n);
  int rc = entry_fault(e, y->line, err, pem ? "%s holds no PEM" : "%s is not base64", key);
  free(pem);
  return rc;
}

int entry_pem(const struct kubeconfig_entry *e, const char *key, char **ret_file, char **ret_data,
              struct error *err) {
  CLEANUP_FREE char *data_key = xprintf("%s-data", key);
  *ret_file = *ret_data = NULL;
  if (entry_data(e, data_key, ret_data, err) < 0 || entry_file(e, key, ret_file, err) < 0) return -1;
  if (*ret_file && *ret_data)
    return entry_fault(e, value_of(e, key)->line, err, "%s and %s are both given; one must go", key,
                       data_key);
  return 0;
}
