/* -v/--volume, volumes: (short and long form) and tmpfs:. Paths are made absolute here, by words alone: the
 * engine may be elsewhere, so nothing is looked up. */
#include "base/alloc.h"
#include "base/parse.h"
#include "release/keys.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODE_WORDS                                                                                           \
  "shared", "rshared", "slave", "rslave", "private", "rprivate", "nocopy", "exec", "noexec", "suid",         \
      "nosuid", "dev", "nodev"

/* "/a/./b/../c//" -> "/a/c" in place, as filepath.Clean. The path is absolute. */
static void clean_path(char *path) {
  char *to = path;
  for (const char *from = path; *from;) {
    size_t n = strcspn(from + 1, "/");
    const char *part = from + 1;
    if (n == 2 && part[0] == '.' && part[1] == '.') {
      while (to > path && *--to != '/') continue;
    } else if (n && !(n == 1 && *part == '.')) {
      memmove(to, from, n + 1);
      to += n + 1;
    }
    from += n + 1;
  }
  if (to == path) *to++ = '/';
  *to = '\0';
}

char *absolute_path(const char *dir, const char *path) {
  char *full = NULL;
  if (*path == '/') {
    full = xstrdup(path);
  } else if (*path == '~' && (!path[1] || path[1] == '/')) {
    const char *home = getenv("HOME");
    if (home && *home == '/') full = xprintf("%s%s", home, path + 1);
  } else if (dir && *dir == '/') {
    full = xprintf("%s/%s", dir, path);
  } else {
    CLEANUP_FREE char *here = getcwd(NULL, 0);
    if (here) full = xprintf("%s/%s/%s", here, dir ? dir : ".", path);
  }
  if (full) clean_path(full);
  return full;
}

static bool is_path(const char *source) {
  return *source == '/' || *source == '.' || *source == '~';
}

/* moby volume/names: [a-zA-Z0-9][a-zA-Z0-9_.-]+ */
static bool is_volume_name(const char *s) {
  if (!isalnum((unsigned char)*s) || !s[1]) return false;
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && !strchr("_.-", *s)) return false;
  return true;
}

static bool is_one_of(const char *word, const char *const *words, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!strcmp(word, words[i])) return true;
  return false;
}

/* "ro,z,rprivate" into m; what would change the application's volume is left out and said. */
static int parse_mode(const char *mode, struct mount_setting *m, struct settings *s, struct error *err) {
  static const char *const relabel[] = {"z", "Z", "U"};
  static const char *const without_effect[] = {"", "cached", "delegated", "consistent", "default"};
  static const char *const known[] = {"ro", "rw", MODE_WORDS};
  CLEANUP_FREE char *words = xstrdup(mode);
  char *rest = words, *word;
  while ((word = strsep(&rest, ","))) {
    if (!strcmp(word, "ro") || !strcmp(word, "rw")) {
      m->read_only = word[1] == 'o';
    } else if (is_one_of(word, relabel, ARRAY_LEN(relabel))) {
      strv_take(&s->notes,
                xprintf("%s: option %s of %s is left out: it would take the volume from the application",
                        m->origin, word, m->target));
    } else if (is_one_of(word, known, ARRAY_LEN(known)) || (m->kind == MOUNT_TMPFS && strchr(word, '='))) {
      char *longer = m->options ? xprintf("%s,%s", m->options, word) : xstrdup(word);
      free(m->options);
      m->options = longer;
    } else if (!is_one_of(word, without_effect, ARRAY_LEN(without_effect))) {
      return error_set(err, ERR_USAGE, "unknown option '%s'", word);
    }
  }
  return 0;
}

static int set_target(struct mount_setting *m, const char *target, struct error *err) {
  if (*target != '/') return error_set(err, ERR_USAGE, "the target '%s' is not an absolute path", target);
  m->target = xstrdup(target);
  clean_path(m->target);
  return strcmp(m->target, "/") ? 0 : error_set(err, ERR_USAGE, "the target cannot be /");
}

/* bind: the source is a path even without "./" before it (long form). */
static int set_source(struct mount_setting *m, const char *source, const char *dir, bool bind,
                      struct error *err) {
  if (!*source) return error_set(err, ERR_USAGE, "the source is empty");
  if (bind || is_path(source)) {
    m->kind = MOUNT_BIND;
    m->source = absolute_path(dir, source);
    return m->source ? 0
                     : error_set(err, ERR_USAGE, "the source '%s' cannot be made an absolute path", source);
  }
  m->kind = MOUNT_VOLUME;
  m->source = xstrdup(source);
  if (is_volume_name(source)) return 0;
  return error_set(err, ERR_USAGE, "the source '%s' is neither a path (./%s) nor the name of a volume",
                   source, source);
}

static void mount_done(struct mount_setting *m) {
  free(m->source);
  free(m->target);
  free(m->options);
  free(m->origin);
}

static int parse_short(const char *text, const char *dir, struct mount_setting *m, struct settings *s,
                       struct error *err) {
  CLEANUP_FREE char *copy = xstrdup(text);
  char *rest = copy;
  const char *parts[3] = {"", "", ""};
  size_t n = 0;
  while (rest && n < ARRAY_LEN(parts)) parts[n++] = strsep(&rest, ":");
  if (rest) return error_set(err, ERR_USAGE, "too many ':'; expected SOURCE:TARGET[:OPTIONS]");
  m->kind = MOUNT_VOLUME;
  if (n == 1) return set_target(m, parts[0], err); /* anonymous */
  if (set_target(m, parts[1], err) || set_source(m, parts[0], dir, false, err)) return -1;
  return n == 3 ? parse_mode(parts[2], m, s, err) : 0;
}

int mount_parse(const char *text, const char *dir, const char *origin, struct settings *s,
                struct error *err) {
  struct mount_setting m = {.origin = xstrdup(origin)};
  int rc = parse_short(text, dir, &m, s, err);
  if (rc)
    error_prefix(err, "volume '%s'", text);
  else
    settings_mount(s, &m);
  mount_done(&m);
  return rc;
}

/* mount_parse()'s words, with the line before them. */
static int at_line(const struct reading *in, const struct key *k, int line, const struct error *why,
                   struct error *err) {
  return complain(in, line, k->name, err, "%s", why->text);
}

/* The long form of Compose, flattened: bind: {propagation: x} is "bind.propagation". */
enum {
  PART_TYPE,
  PART_SOURCE,
  PART_TARGET,
  PART_READ_ONLY,
  PART_PROPAGATION,
  PART_NOCOPY,
  PART_SUBPATH,
  PART_SIZE,
  PART_MODE,
  PART_IGNORED
};
static const struct {
  const char *inner, *name;
  int part;
} long_keys[] = {{"", "type", PART_TYPE},
                 {"", "source", PART_SOURCE},
                 {"", "target", PART_TARGET},
                 {"", "read_only", PART_READ_ONLY},
                 {"", "consistency", PART_IGNORED},
                 {"bind", "propagation", PART_PROPAGATION},
                 {"bind", "create_host_path", PART_IGNORED}, /* a missing source is an error here */
                 {"bind", "selinux", PART_IGNORED},          /* z, Z: never */
                 {"volume", "nocopy", PART_NOCOPY},
                 {"volume", "subpath", PART_SUBPATH},
                 {"tmpfs", "size", PART_SIZE},
                 {"tmpfs", "mode", PART_MODE}};

struct long_form {
  char *parts[PART_IGNORED + 1];
};

static int read_long_key(struct reading *in, const struct key *k, const struct yaml_pair *pair,
                         const char *inner, struct long_form *f, struct error *err) {
  for (size_t i = 0; i < ARRAY_LEN(long_keys); i++) {
    if (strcmp(long_keys[i].inner, inner) != 0 || strcmp(long_keys[i].name, pair->key) != 0) continue;
    CLEANUP_FREE char *name = xprintf("%s%s%s.%s", k->name, *inner ? "." : "", inner, pair->key);
    const struct key of_part = {.name = name, .expect = "a string, a number or true or false"};
    char **to = &f->parts[long_keys[i].part];
    free(*to);
    *to = NULL;
    return value_text(in, &of_part, pair->value, to, err);
  }
  return complain(in, pair->line, k->name, err, "unknown key '%s%s%s' of a volume", inner, *inner ? "." : "",
                  pair->key);
}

static int read_long_map(struct reading *in, const struct key *k, const struct yaml *map, const char *inner,
                         struct long_form *f, struct error *err) {
  int unknown = 0;
  for (size_t i = 0; i < map->n; i++) {
    const struct yaml_pair *pair = &map->pairs[i];
    bool nested = !*inner && pair->value->kind == YAML_MAP &&
                  (!strcmp(pair->key, "bind") || !strcmp(pair->key, "volume") || !strcmp(pair->key, "tmpfs"));
    int rc = 0;
    if (nested)
      rc = read_long_map(in, k, pair->value, pair->key, f, err);
    else if (!key_ignored(pair->key))
      rc = read_long_key(in, k, pair, inner, f, err);
    if (rc < 0) return rc;
    unknown |= rc;
  }
  return unknown;
}

/* "size=67108864,mode=1777" for free(), NULL for a size that is none. */
static char *tmpfs_options(const struct long_form *f, struct error *err) {
  int64_t bytes = 0;
  const char *size = f->parts[PART_SIZE], *mode = f->parts[PART_MODE];
  if (size && parse_size(size, &bytes)) {
    error_set_text(err, ERR_USAGE, "'%s' is not a size", size);
    return NULL;
  }
  if (mode && !strncmp(mode, "0o", 2)) mode += 2;
  CLEANUP_FREE char *first = bytes ? xprintf("size=%lld,", (long long)bytes) : xstrdup("");
  return xprintf("%s%s%s", first, mode ? "mode=" : "", mode ? mode : "");
}

/* The engine mounts this folder of the volume; options are separated by commas. */
static int set_subpath(struct mount_setting *m, const char *path, struct error *err) {
  if (*path == '/' || strchr(path, ',') || strstr(path, ".."))
    return error_set(err, ERR_USAGE, "subpath: '%s' is not a path inside the volume (without '..' and ',')",
                     path);
  m->options = xprintf("subpath=%s", path);
  return 0;
}

static int finish_long(struct reading *in, const struct long_form *f, struct mount_setting *m,
                       struct error *err) {
  char *const *p = f->parts;
  const char *type = p[PART_TYPE] ? p[PART_TYPE] : "";
  bool bind = !strcmp(type, "bind"), volume = !strcmp(type, "volume"), no_copy = false;
  if (!bind && !volume && strcmp(type, "tmpfs") != 0)
    return error_set(err, ERR_USAGE, "type: expected bind, volume or tmpfs, found '%s'", type);
  if (!p[PART_TARGET]) return error_set(err, ERR_USAGE, "target: is missing");
  if (bind && !p[PART_SOURCE]) return error_set(err, ERR_USAGE, "source: is missing");
  m->kind = bind ? MOUNT_BIND : volume ? MOUNT_VOLUME : MOUNT_TMPFS;
  if (set_target(m, p[PART_TARGET], err)) return -1;
  if (volume && p[PART_SOURCE] && is_path(p[PART_SOURCE]))
    return error_set(err, ERR_USAGE, "source: '%s' is a path; write type: bind", p[PART_SOURCE]);
  if ((bind || volume) && p[PART_SOURCE] && set_source(m, p[PART_SOURCE], in->release->dir, bind, err))
    return -1;
  if (p[PART_READ_ONLY] && parse_bool(p[PART_READ_ONLY], &m->read_only))
    return error_set(err, ERR_USAGE, "read_only: expected true or false, found '%s'", p[PART_READ_ONLY]);
  if (p[PART_NOCOPY] && parse_bool(p[PART_NOCOPY], &no_copy))
    return error_set(err, ERR_USAGE, "nocopy: expected true or false, found '%s'", p[PART_NOCOPY]);
  if (volume && p[PART_SUBPATH] && *p[PART_SUBPATH] && set_subpath(m, p[PART_SUBPATH], err)) return -1;
  if (volume && no_copy) return parse_mode("nocopy", m, in->settings, err);
  if (bind && p[PART_PROPAGATION]) return parse_mode(p[PART_PROPAGATION], m, in->settings, err);
  if (bind || volume) return 0;
  CLEANUP_FREE char *options = tmpfs_options(f, err);
  return options ? parse_mode(options, m, in->settings, err) : -1;
}

static int read_long(struct reading *in, const struct key *k, const struct yaml *map, struct error *err) {
  struct long_form f = {{NULL}};
  struct error why = ERROR_INIT;
  struct mount_setting m = {.origin = xprintf("%s:%d", in->release->file, map->line)};
  int rc = read_long_map(in, k, map, "", &f, err);
  if (rc == 0) {
    rc = finish_long(in, &f, &m, &why);
    if (rc)
      at_line(in, k, map->line, &why, err);
    else
      settings_mount(in->settings, &m);
  }
  mount_done(&m);
  for (size_t i = 0; i < ARRAY_LEN(f.parts); i++) free(f.parts[i]);
  return rc;
}

int read_volumes(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  if (value->kind != YAML_LIST && value->kind != YAML_NULL) return wrong_type(in, k, value, err);
  for (size_t i = 0; i < value->n; i++) {
    const struct yaml *item = value->items[i];
    CLEANUP_FREE char *text = NULL, *origin = xprintf("%s:%d", in->release->file, item->line);
    struct error why = ERROR_INIT;
    int rc;
    if (item->kind == YAML_MAP) {
      rc = read_long(in, k, item, err);
    } else {
      if (item->kind != YAML_STRING) return wrong_type(in, k, item, err);
      rc = value_text(in, k, item, &text, err);
      if (rc == 0 && mount_parse(text, in->release->dir, origin, in->settings, &why))
        rc = at_line(in, k, item->line, &why, err);
    }
    if (rc < 0) return rc;
  }
  return 0;
}

static int add_tmpfs(struct reading *in, const struct key *k, int line, const char *text, struct error *err) {
  struct error why = ERROR_INIT;
  struct mount_setting m = {.kind = MOUNT_TMPFS, .origin = xprintf("%s:%d", in->release->file, line)};
  const char *colon = strchr(text, ':');
  CLEANUP_FREE char *target = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
  int rc = set_target(&m, target, &why);
  if (rc == 0 && colon) rc = parse_mode(colon + 1, &m, in->settings, &why);
  if (rc)
    at_line(in, k, line, &why, err);
  else
    settings_mount(in->settings, &m);
  mount_done(&m);
  return rc;
}

int read_tmpfs(struct reading *in, const struct key *k, const struct yaml *value, struct error *err) {
  struct strv texts = {0};
  int rc = value_list(in, k, value, true, &texts, err);
  for (size_t i = 0; i < texts.n && rc == 0; i++) rc = add_tmpfs(in, k, value->line, texts.v[i], err);
  strv_done(&texts);
  return rc;
}
