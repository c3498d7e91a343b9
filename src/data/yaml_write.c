#include "data/yaml_write.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "data/yaml_schema.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

static int sink(void *data, unsigned char *p, size_t n) {
  return buf_append(data, p, n) == 0;
}

static int put(yaml_emitter_t *e, yaml_event_t *event, int made) {
  return made && yaml_emitter_emit(e, event) ? 0 : -1; /* emit takes the event over, also when it fails */
}

/* Words of YAML 1.1, which kubectl's reader still knows. */
static bool is_reserved(const char *s) {
  static const char *const words[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  for (size_t i = 0; i < ARRAY_LEN(words); i++)
    if (strcasecmp(words[i], s) == 0) return true;
  return false;
}

/* Letters first and only what never has a meaning: a word, a path, an image. */
static bool is_plain(const char *s, size_t len) {
  static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+@:";
  if (!len || len != strlen(s) || strspn(s, inside) != len || s[len - 1] == ':') return false;
  if (!isalpha((unsigned char)*s) && *s != '/' && *s != '_') return false;
  return !is_reserved(s) && yaml_plain_kind(s) == YAML_STRING;
}

static int put_scalar(yaml_emitter_t *e, const char *text, size_t len, bool is_text) {
  yaml_event_t event;
  yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
  if (is_text && !is_plain(text, len)) style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
  bool plain = style == YAML_PLAIN_SCALAR_STYLE;
  return put(e, &event,
             yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)len, plain,
                                          !plain, style));
}

static int put_value(yaml_emitter_t *e, const json_t *value, int depth);

static int put_list(yaml_emitter_t *e, const json_t *list, int depth) {
  yaml_event_t event;
  size_t i;
  json_t *item;
  yaml_sequence_style_t style = json_array_size(list) ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
  if (put(e, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style)) < 0) return -1;
  json_array_foreach((json_t *)list, i, item) if (put_value(e, item, depth) < 0) return -1;
  return put(e, &event, yaml_sequence_end_event_initialize(&event));
}

static int put_map(yaml_emitter_t *e, const json_t *map, int depth) {
  yaml_event_t event;
  const char *key;
  json_t *value;
  yaml_mapping_style_t style = json_object_size(map) ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
  if (put(e, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style)) < 0) return -1;
  json_object_foreach((json_t *)map, key, value) {
    if (put_scalar(e, key, strlen(key), true) < 0 || put_value(e, value, depth) < 0) return -1;
  }
  return put(e, &event, yaml_mapping_end_event_initialize(&event));
}

static int put_value(yaml_emitter_t *e, const json_t *value, int depth) {
  if (depth > LIMIT_JSON_DEPTH) return -1;
  if (json_is_array(value)) return put_list(e, value, depth + 1);
  if (json_is_object(value)) return put_map(e, value, depth + 1);
  if (json_is_string(value)) return put_scalar(e, json_string_value(value), json_string_length(value), true);
  CLEANUP_FREE char *text = json_dumps(value, JSON_ENCODE_ANY); /* a number, true, false, null */
  return text ? put_scalar(e, text, strlen(text), false) : -1;
}

static int put_document(yaml_emitter_t *e, const json_t *value) {
  yaml_event_t event;
  if (put(e, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 0)) < 0 ||
      put_value(e, value, 0) < 0)
    return -1;
  return put(e, &event, yaml_document_end_event_initialize(&event, 1));
}

int yaml_write(struct buf *out, const json_t *documents) {
  yaml_emitter_t e;
  yaml_event_t event;
  size_t i;
  json_t *document;
  if (!yaml_emitter_initialize(&e)) return -1;
  yaml_emitter_set_output(&e, sink, out);
  yaml_emitter_set_unicode(&e, 1);
  yaml_emitter_set_width(&e, -1); /* no line is folded */
  int rc = put(&e, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING));
  json_array_foreach((json_t *)documents, i, document) if (rc == 0) rc = put_document(&e, document);
  if (rc == 0) rc = put(&e, &event, yaml_stream_end_event_initialize(&event));
  if (rc == 0 && !yaml_emitter_flush(&e)) rc = -1;
  yaml_emitter_delete(&e);
  return rc;
}
