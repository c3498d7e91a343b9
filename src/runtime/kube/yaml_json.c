/* A tree of YAML as JSON, as an API server would read it. */
#include "base/alloc.h"
#include "runtime/kube/kubeconfig.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *number(const struct yaml *y) {
  char *end;
  errno = 0;
  if (y->kind == YAML_INT) {
    long long i = strtoll(y->text, &end, strncmp(y->text, "0o", 2) ? 0 : 8);
    if (!errno && !*end && (y->text[0] != '0' || !y->text[1] || y->text[1] == 'x')) return json_integer(i);
  } else {
    double d = strtod(y->text, &end);
    if (!errno && !*end && isfinite(d)) return json_real(d);
  }
  return json_string(y->text);
}

json_t *yaml_to_json(const struct yaml *y) {
  json_t *j;
  switch (y->kind) {
  case YAML_NULL:
    return json_null();
  case YAML_BOOL:
    return json_boolean(*y->text == 't' || *y->text == 'T');
  case YAML_INT:
  case YAML_FLOAT:
    return number(y);
  case YAML_STRING:
    return json_string(y->text);
  case YAML_LIST:
    j = json_array();
    for (size_t i = 0; i < y->n; i++) json_array_append_new(j, yaml_to_json(y->items[i]));
    return j;
  case YAML_MAP:
    j = json_object();
    for (size_t i = 0; i < y->n; i++)
      json_object_set_new(j, y->pairs[i].key, yaml_to_json(y->pairs[i].value));
    return j;
  }
  return json_null();
}
