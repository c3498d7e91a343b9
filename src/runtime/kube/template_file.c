/* kubernetes.template: a Job or PodTemplate of the user's own. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "data/json.h"
#include "data/yaml.h"
#include "runtime/kube/kubeconfig.h"
#include "runtime/kube/source.h"
#include <stdlib.h>
#include <string.h>

static int read_object(const char *path, const char *namespace, const struct yaml *root, json_t **ret_object,
                       json_t **ret_template, struct error *err) {
  if (root->kind != YAML_MAP)
    return error_set(err, ERR_CONFIG, "%s:%d: expected a Job or a PodTemplate, found %s", path, root->line,
                     yaml_kind_name(root->kind));
  CLEANUP_JSON json_t *object = yaml_to_json(root);
  const char *kind = json_str(object, "kind"), *theirs = json_str(object, "metadata.namespace");
  bool job = kind && !strcmp(kind, "Job");
  if (!job && !(kind && !strcmp(kind, "PodTemplate")))
    return error_set(err, ERR_CONFIG, "%s:%d: kind: is %s; a template is a Job or a PodTemplate", path,
                     root->line, kind ? kind : "missing");
  if (theirs && strcmp(theirs, namespace) != 0)
    return error_set(
        err, ERR_CONFIG,
        "%s:%d: its namespace is %s, but the job would run in %s; say --namespace %s, or leave it "
        "out of the file",
        path, root->line, theirs, namespace, theirs);
  json_t *found = json_at(object, job ? "spec.template" : "template");
  if (!json_is_object(json_at(found, "spec")))
    return error_set(err, ERR_CONFIG, "%s:%d: %s.spec: is missing", path, root->line,
                     job ? "spec.template" : "template");
  *ret_template = json_incref(found);
  *ret_object = json_incref(object);
  return 0;
}

int kube_template_file(const char *path, const char *namespace, json_t **ret_object, json_t **ret_template,
                       struct error *err) {
  struct buf text;
  buf_init(&text, LIMIT_RELEASE_FILE);
  if (file_read(path, LIMIT_RELEASE_FILE, &text, err) < 0) {
    buf_done(&text);
    return error_prefix(err, "kubernetes.template");
  }
  struct yaml *root = yaml_parse(path, text.data ? text.data : "", text.len, err);
  buf_done(&text);
  if (!root) return -1;
  int rc = read_object(path, namespace, root, ret_object, ret_template, err);
  yaml_tree_free(root);
  return rc;
}
