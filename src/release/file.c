/* The release file: which one, its version, and the keys at its top. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "release/keys.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCAL_FILE "release.yaml"
#define SYSTEM_FILE "/etc/run-once/release.yaml"
#define BEGINNING 65536 /* bytes of comments before version: 1 */

/* A release.yaml in the current folder may be anybody's: only its first real line says whether it is ours. */
static bool is_ours(const char *text) {
  static const char bom[] = "\xef\xbb\xbf";
  if (!strncmp(text, bom, 3)) text += 3;
  for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
    const char *line = text + strspn(text, " \t\r");
    if (*line == '#' || *line == '\n' || !*line ||
        (!strncmp(text, "---", 3) && isspace((unsigned char)text[3])))
      continue;
    if (strncmp(text, "version:", 8) != 0) return false;
    const char *value = text + 8 + strspn(text + 8, " \t");
    if (value == text + 8 || *value != '1') return false;
    const char *behind = value + 1 + strspn(value + 1, " \t\r");
    return !*behind || *behind == '\n' || (*behind == '#' && behind > value + 1);
  }
  return false;
}

/* Looks at the beginning only: somebody else's file may be of any size and kind. */
static bool begins_with_version_1(const char *path) {
  CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  CLEANUP_FREE char *text = xcalloc(1, BEGINNING + 1);
  return fd >= 0 && read(fd, text, BEGINNING) > 0 && is_ours(text);
}

char *release_path(const struct release *r, const char *path) {
  return *path == '/' || !strcmp(r->dir, ".") ? xstrdup(path) : xprintf("%s/%s", r->dir, path);
}

static bool is_name(const char *s) {
  size_t n = strlen(s);
  if (!isalnum((unsigned char)*s) || n > 63) return false;
  return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == n;
}

/* from: file:PATH#SERVICE is relative to the release file, as every path in it. */
static int check_from(struct reading *in, const struct key *k, int line, char **text, struct error *err) {
  struct source_ref source;
  struct error why = ERROR_INIT;
  if (!strncmp(*text, "file:", 5)) {
    CLEANUP_FREE char *paths = *text;
    *text = xstrdup("file:");
    for (char *rest = paths + 5, *one; (one = strsep(&rest, ","));) { /* several: a.yaml,b.yaml#SERVICE */
      CLEANUP_FREE char *path = release_path(in->release, one);
      char *longer = xprintf("%s%s%s", *text, path, rest ? "," : "");
      free(*text);
      *text = longer;
    }
  }
  if (source_parse(*text, &source, &why)) return complain(in, line, k->name, err, "%s", why.text);
  source_done(&source);
  return 0;
}

static int check_head(struct reading *in, const struct key *k, int line, char **text, struct error *err) {
  if (!**text) return complain(in, line, k->name, err, "is empty");
  if (!strcmp(k->name, "from")) return check_from(in, k, line, text, err);
  if (!strcmp(k->name, "name") && !is_name(*text))
    return complain(in, line, k->name, err,
                    "'%s' cannot be a name: expected letters, digits, '_', '.', '-', at most 63 in all",
                    *text);
  if (!strcmp(k->name, "runtime") && strcmp(*text, "docker") != 0 && strcmp(*text, "podman") != 0 &&
      strcmp(*text, "kubernetes") != 0)
    return complain(in, line, k->name, err, "expected %s, found '%s'", k->expect, *text);
  return 0;
}

int read_head(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct reading now = *in;
  now.check = false;
  if (value->kind != YAML_STRING) return wrong_type(in, k, value, err);
  bool must_be_set = !strcmp(k->name, "image") || !strcmp(k->name, "from");
  CLEANUP_FREE char *text = NULL;
  if (value_expand(&now, k->name, value->line, value->text, must_be_set, &text, err)) return -1;
  if (check_head(in, k, value->line, &text, err)) return -1;
  if (k->places & AT_KUBERNETES && !strcmp(k->name, "template")) {
    char *path = release_path(in->release, text);
    free(text);
    text = path;
  }
  *(char **)((char *)in->release + k->offset) = TAKE(text);
  return 0;
}

int read_version(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_INT && !strcmp(value->text, k->expect)) return 0;
  if (value->kind == YAML_LIST || value->kind == YAML_MAP || value->kind == YAML_NULL)
    return wrong_type(in, k, value, err);
  return complain(in, value->line, k->name, err, "expected the number 1, found %s%s%s",
                  value->kind == YAML_STRING ? "the string '" : "", value->text,
                  value->kind == YAML_STRING ? "'" : "");
}

int read_kubernetes(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind == YAML_NULL) return 0;
  if (value->kind != YAML_MAP) return wrong_type(in, k, value, err);
  struct reading inner = *in;
  inner.path = k->name;
  return keys_read(&inner, value, AT_KUBERNETES, ~0u, err);
}

/* Tags are orders to Compose's loader (!reset, !override) or other programs; only YAML's own have a meaning.
 */
static int check_tags(const struct release *r, const struct yaml *y, struct error *err) {
  if (y->tag && strncmp(y->tag, "!!", 2) != 0 && strncmp(y->tag, "tag:yaml.org,2002:", 18) != 0 &&
      strcmp(y->tag, "!") != 0)
    return error_set(err, ERR_CONFIG, "%s:%d: the tag %s has no meaning here", r->file, y->line, y->tag);
  for (size_t i = 0; i < y->n; i++)
    if (check_tags(r, y->kind == YAML_MAP ? y->pairs[i].value : y->items[i], err)) return -1;
  return 0;
}

static int read_root(struct release *r, struct error *err) {
  const struct yaml *version;
  struct settings scratch;
  if (r->root->kind != YAML_MAP)
    return error_set(err, ERR_CONFIG, "%s: expected a map that begins with version: 1, found %s", r->file,
                     yaml_kind_name(r->root->kind));
  if (check_tags(r, r->root, err)) return -1;
  struct reading in = {.release = r, .settings = &scratch, .notes = &r->notes, .check = true};
  version = yaml_get(r->root, "version");
  if (!version) return error_set(err, ERR_CONFIG, "%s: version: is missing; write version: 1", r->file);
  const struct key version_key = {.name = "version", .expect = "1"};
  if (read_version(&in, &version_key, version, err)) return -1; /* before another version's keys are judged */
  settings_init(&scratch);
  int rc = keys_read(&in, r->root, AT_FILE, KEYS_HEAD | KEYS_SETTINGS, err);
  settings_done(&scratch);
  if (rc) return rc;
  if (!r->name && !r->from)
    return error_set(err, ERR_CONFIG, "%s: name: is missing (it may be left out only with from:)", r->file);
  return 0;
}

static struct release *release_new(const char *path) {
  struct release *r = xcalloc(1, sizeof(*r));
  const char *slash = strrchr(path, '/');
  r->file = xstrdup(path);
  r->dir = slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
  return r;
}

static int load(const char *path, const struct buf *text, struct release **ret, struct error *err) {
  struct release *r = release_new(path);
  r->dotenv = dotenv_load(r->dir, err);
  if (r->dotenv) r->root = yaml_parse(path, text->data ? text->data : "", text->len, err);
  if (!r->root || read_root(r, err)) {
    release_free(r);
    return -1;
  }
  *ret = r;
  return 0;
}

static int find(const char **path, struct buf *text, char **note, struct error *err) {
  if (*path) return file_read(*path, LIMIT_RELEASE_FILE, text, err);
  if (file_exists(LOCAL_FILE)) {
    *path = LOCAL_FILE;
    if (access(LOCAL_FILE, R_OK) != 0 || begins_with_version_1(LOCAL_FILE))
      return file_read(LOCAL_FILE, LIMIT_RELEASE_FILE, text, err);
    *note = xprintf("%s is not read: it does not begin with 'version: 1' (--release %s reads it)", LOCAL_FILE,
                    LOCAL_FILE);
  }
  *path = file_exists(SYSTEM_FILE) ? SYSTEM_FILE : NULL;
  return *path ? file_read(*path, LIMIT_RELEASE_FILE, text, err) : 0;
}

int release_load(const char *path, struct release **ret, char **ret_note, struct error *err) {
  struct buf text;
  struct release *r = NULL;
  CLEANUP_FREE char *note = NULL;
  buf_init(&text, LIMIT_RELEASE_FILE);
  int rc = find(&path, &text, &note, err);
  if (rc == 0 && path) rc = load(path, &text, &r, err);
  buf_done(&text);
  if (rc) return rc;
  *ret = r;
  *ret_note = TAKE(note);
  return 0;
}

void release_free(struct release *r) {
  if (!r) return;
  for (size_t i = 0; i < r->n_tasks; i++) task_done(&r->tasks[i]);
  char *texts[] = {r->file,         r->dir,     r->name,           r->image,          r->from,
                   r->runtime,      r->context, r->kube.namespace, r->kube.container, r->kube.service_account,
                   r->kube.template};
  for (size_t i = 0; i < ARRAY_LEN(texts); i++) free(texts[i]);
  free(r->tasks);
  strv_done(&r->defaults);
  strv_done(&r->notes);
  yaml_tree_free(r->root);
  dotenv_free(r->dotenv);
  free(r);
}
