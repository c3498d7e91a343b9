/* The plan for people. */
#include "base/alloc.h"
#include "cli/plan.h"
#include "data/json.h"
#include <stdlib.h>
#include <string.h>

static void field(struct buf *out, const char *name, const char *text) {
  if (text && *text) buf_printf(out, "%-15s%s\n", name, text);
}

/* Words as a shell would take them, so that an empty one and one with spaces can be told. */
static void quoted(struct buf *out, const char *word) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,";
  if (*word && !word[strspn(word, plain)]) {
    buf_puts(out, word);
    return;
  }
  buf_puts(out, "'");
  for (; *word; word++) {
    if (*word == '\'')
      buf_puts(out, "'\\''");
    else
      buf_append(out, word, 1);
  }
  buf_puts(out, "'");
}

static void command(struct buf *out, const char *name, const json_t *words) {
  size_t i;
  json_t *word;
  if (json_array_size(words) == 0) return;
  buf_printf(out, "%-14s", name);
  json_array_foreach((json_t *)words, i, word) {
    buf_puts(out, " ");
    quoted(out, json_is_string(word) ? json_string_value(word) : "?");
  }
  buf_puts(out, "\n");
}

static const char *part(const json_t *item, const char *key) {
  const char *text = json_str(item, key);
  return text ? text : "";
}

/* One entry of a list: a text, or an object whose shape the runtime's header gives. */
static void entry(struct buf *out, const json_t *item) {
  if (json_is_string(item)) {
    buf_printf(out, "  %s\n", json_string_value(item));
  } else if (json_str(item, "what")) {
    buf_printf(out, "  %s: %s\n", part(item, "what"), part(item, "why"));
  } else if (json_str(item, "target")) {
    const char *mode = part(item, "mode"), *source = part(item, "source");
    buf_printf(out, "  %s %s%s%s%s%s", part(item, "type"), source, *source ? " -> " : "",
               part(item, "target"), *mode ? " " : "", mode);
    buf_printf(out, "  (%s)\n", part(item, "origin"));
  } else if (json_str(item, "name") && json_str(item, "origin")) {
    buf_printf(out, "  %-32s (%s)\n", part(item, "name"), part(item, "origin"));
  } else {
    CLEANUP_FREE char *text = json_dumps(item, JSON_COMPACT | JSON_ENCODE_ANY);
    buf_printf(out, "  %s\n", text ? text : "");
  }
}

static void list(struct buf *out, const char *title, const json_t *items) {
  size_t i;
  json_t *item;
  if (json_array_size(items) == 0) return;
  buf_printf(out, "\n%s:\n", title);
  json_array_foreach((json_t *)items, i, item) entry(out, item);
}

static void map(struct buf *out, const char *title, const json_t *items) {
  const char *key;
  json_t *value;
  if (json_object_size(items) == 0) return;
  buf_printf(out, "\n%s:\n", title);
  json_object_foreach((json_t *)items, key, value) {
    CLEANUP_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    buf_printf(out, "  %s=%s\n", key, json_is_string(value) ? json_string_value(value) : text ? text : "");
  }
}

static const struct {
  const char *key, *title;
} lists[] = {{"env", "Environment (names; values are not shown)"},
             {"mounts", "Mounts"},
             {"networks", "Networks"},
             {"dropped", "Dropped"},
             {"checked", "Checked"},
             {"differences", "Different with this image"},
             {"notes", "Notes"}};

/* Keys that have their line above, or belong to a list. */
static bool shown(const char *key) {
  static const char *const known[] = {"release", "app",   "task",     "command", "argv",  "runtime",
                                      "from",    "image", "image_id", "digest",  "user",  "workdir",
                                      "tty",     "stdin", "lock",     "once",    "labels"};
  for (size_t i = 0; i < ARRAY_LEN(known); i++)
    if (strcmp(known[i], key) == 0) return true;
  for (size_t i = 0; i < ARRAY_LEN(lists); i++)
    if (strcmp(lists[i].key, key) == 0) return true;
  return false;
}

/* What else the runtime tells: limits, security, devices. Lists and maps stand below, single values above
 * them. */
static void others(struct buf *out, const json_t *plan, bool single) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)plan, key, value) {
    bool many = json_is_array(value) || json_is_object(value);
    if (shown(key) || json_is_null(value) || many == single) continue;
    if (json_is_array(value)) {
      list(out, key, value);
    } else if (json_is_object(value)) {
      map(out, key, value);
    } else {
      CLEANUP_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
      field(out, key, json_is_string(value) ? json_string_value(value) : text);
    }
  }
}

void plan_text(struct buf *out, const json_t *plan) {
  field(out, "release", json_str(plan, "release.name"));
  field(out, "source", json_str(plan, "release.source"));
  const char *target = json_str(plan, "from.name"), *id = json_str(plan, "from.id");
  if (target) buf_printf(out, "%-15s%s %s %.12s\n", "from", part(plan, "from.kind"), target, id ? id : "");
  field(out, "application", json_str(plan, "app"));
  field(out, "image", json_str(plan, "release.image"));
  const char *image_id = json_str(plan, "release.image_id");
  field(out, "image id", image_id ? image_id : "not on the engine yet");
  field(out, "digest", json_str(plan, "release.digest"));
  field(out, "task", json_str(plan, "task"));
  const json_t *argv = json_at(plan, "argv");
  command(out, "runs", json_array_size(argv) ? argv : json_at(plan, "command"));
  field(out, "user", json_str(plan, "user"));
  field(out, "workdir", json_str(plan, "workdir"));
  field(out, "terminal", json_is(plan, "tty") ? "yes" : "no");
  field(out, "stdin", json_is(plan, "stdin") ? "forwarded" : "end of file");
  field(out, "lock", json_str(plan, "lock"));
  field(out, "once", json_str(plan, "once"));
  buf_printf(out, "%-15s%s %s at %s\n", "runtime", part(plan, "runtime.kind"), part(plan, "runtime.version"),
             part(plan, "runtime.endpoint"));
  others(out, plan, true);
  for (size_t i = 0; i < ARRAY_LEN(lists); i++) list(out, lists[i].title, json_at(plan, lists[i].key));
  map(out, "Labels", json_at(plan, "labels"));
  others(out, plan, false);
}
