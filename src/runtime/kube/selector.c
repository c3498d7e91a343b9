/* Label selectors: kubernetes.io/docs/concepts/overview/working-with-objects/labels. */
#include "base/alloc.h"
#include "base/buf.h"
#include "data/json.h"
#include "runtime/kube/rollout.h"
#include <string.h>

#define SELECTOR_MAX 8192 /* bytes of a selector in a query */

static bool in_list(const json_t *values, const char *text) {
  size_t i;
  json_t *value;
  json_array_foreach((json_t *)values, i, value) {
    const char *is = json_string_value(value);
    if (is && text && !strcmp(is, text)) return true;
  }
  return false;
}

static bool fits(const json_t *expression, const json_t *labels) {
  const char *key = json_str(expression, "key"), *op = json_str(expression, "operator");
  if (!key || !op) return false;
  const char *is = json_string_value(json_object_get(labels, key));
  const json_t *values = json_at(expression, "values");
  if (!strcmp(op, "In")) return in_list(values, is);
  if (!strcmp(op, "NotIn")) return !in_list(values, is);
  if (!strcmp(op, "Exists")) return is != NULL;
  if (!strcmp(op, "DoesNotExist")) return is == NULL;
  return false;
}

bool kube_selects(const json_t *selector, const json_t *labels) {
  const char *key;
  json_t *value;
  size_t i;
  json_object_foreach(json_at(selector, "matchLabels"), key, value) {
    const char *is = json_string_value(json_object_get(labels, key)), *want = json_string_value(value);
    if (!is || !want || strcmp(is, want) != 0) return false;
  }
  json_array_foreach(json_at(selector, "matchExpressions"), i, value) if (!fits(value, labels)) return false;
  return true;
}

static void add_values(struct buf *b, const json_t *values) {
  size_t i;
  json_t *value;
  buf_puts(b, " (");
  json_array_foreach((json_t *)values, i, value)
      buf_printf(b, "%s%s", i ? "," : "", json_is_string(value) ? json_string_value(value) : "");
  buf_puts(b, ")");
}

char *kube_selector_text(const json_t *selector) {
  struct buf b;
  const char *key;
  json_t *value;
  size_t i;
  buf_init(&b, SELECTOR_MAX);
  json_object_foreach(json_at(selector, "matchLabels"), key, value) {
    buf_printf(&b, "%s%s=%s", b.len ? "," : "", key, json_is_string(value) ? json_string_value(value) : "");
  }
  json_array_foreach(json_at(selector, "matchExpressions"), i, value) {
    const char *op = json_str(value, "operator"), *name = json_str(value, "key");
    if (!op || !name) continue;
    bool not = !strcmp(op, "NotIn"), absent = !strcmp(op, "DoesNotExist");
    buf_printf(&b, "%s%s%s", b.len ? "," : "", absent ? "!" : "", name);
    if (not || !strcmp(op, "In")) {
      buf_puts(&b, not ? " notin" : " in");
      add_values(&b, json_at(value, "values"));
    }
  }
  if (b.len) return buf_take(&b);
  buf_done(&b);
  return NULL;
}
