/* Names, labels and ids of a job's objects: pure. */
#include "base/alloc.h"
#include "data/hash.h"
#include "data/json.h"
#include "runtime/kube/kube.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARS 57 /* a DNS label has 63, and a pod gets a dash and five more */
#define HASH_CHARS 40
#define VALUE_CHARS 63
#define OURS "run-once."
#define THEIRS "run-once/"

static bool dns_label(const char *s) {
  size_t n = strlen(s);
  if (!n || n > NAME_CHARS || s[0] == '-' || s[n - 1] == '-') return false;
  return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static void hashed(const char *prefix, const char *text, char ret[64]) {
  char hash[65];
  sha256_hex(text, strlen(text), hash);
  snprintf(ret, 64, "%s%.*s", prefix, HASH_CHARS, hash);
}

/* Dots become dashes, which is unique only for what has one dot: everything else is hashed. */
void kube_object_name(const char *identity_name, char ret[64]) {
  const char *rest = strncmp(identity_name, OURS, strlen(OURS)) ? NULL : identity_name + strlen(OURS);
  if (rest && !strncmp(rest, "lock.", 5)) {
    hashed("run-once-lock-", identity_name, ret);
    return;
  }
  char plain[64];
  snprintf(plain, sizeof plain, "run-once-%.54s", rest ? rest : "");
  if (rest && *rest && strlen(rest) < 50 && dns_label(plain))
    memcpy(ret, plain, sizeof plain);
  else
    hashed("run-once-x-", identity_name, ret);
}

void kube_job_name(const char *job_id, char ret[64]) {
  CLEANUP_FREE char *name = xprintf(OURS "%s", job_id);
  kube_object_name(name, ret);
}

void kube_ticket_key(const char *job_id, char ret[64]) {
  snprintf(ret, 64, "ticket-%.50s", job_id);
}

/* kubernetes.io/docs/concepts/overview/working-with-objects/labels: 63 characters of [A-Za-z0-9-_.], an
 * alphanumeric at both ends, or nothing. */
void kube_label_value(const char *text, char ret[64]) {
  size_t n = 0;
  for (const char *p = text; *p && n < VALUE_CHARS; p++) {
    bool fine = isalnum((unsigned char)*p) || ((*p == '-' || *p == '_' || *p == '.') && n);
    if (fine || n) ret[n++] = fine ? *p : '-';
  }
  while (n && !isalnum((unsigned char)ret[n - 1])) n--;
  ret[n] = '\0';
}

static bool part(const char *from, size_t n, char ret[64]) {
  if (!n || n > 63) return false;
  memcpy(ret, from, n);
  ret[n] = '\0';
  return true;
}

int kube_id_parse(const char *id, struct kube_id *ret, struct error *err) {
  struct kube_id parts = {0};
  const char *uid = strchr(id, '/'), *job = uid ? strchr(uid + 1, '/') : NULL;
  if (!job || strchr(job + 1, '/') || !part(id, (size_t)(uid - id), parts.name) ||
      !part(uid + 1, (size_t)(job - uid - 1), parts.uid) || !part(job + 1, strlen(job + 1), parts.job))
    return error_set(err, ERR_MISSING, "'%s' is no job of this cluster", id);
  *ret = parts;
  return 0;
}

char *kube_id_text(const char *name, const char *uid, const char *job_id) {
  return xprintf("%s/%s/%s", name, uid && *uid ? uid : "-", job_id);
}

/* What people select by. The whole text is in the annotation beside it. */
static bool is_label(const char *key) {
  static const char *const keys[] = {"id", "app", "lock", "once", "actor"};
  for (size_t i = 0; i < ARRAY_LEN(keys); i++)
    if (!strcmp(keys[i], key)) return true;
  return false;
}

void kube_labels(json_t *labels, json_t **ret_labels, json_t **ret_annotations) {
  json_t *some = json_object(), *all = json_object(), *value;
  const char *key;
  json_object_foreach(labels, key, value) {
    const char *text = json_string_value(value);
    if (strncmp(key, OURS, strlen(OURS)) || !text) continue;
    const char *rest = key + strlen(OURS);
    CLEANUP_FREE char *name = xprintf(THEIRS "%s", rest);
    char short_text[64];
    kube_label_value(text, short_text);
    if (is_label(rest) && *short_text) json_object_set_new(some, name, json_string(short_text));
    json_object_set_new(all, name, json_string(text));
  }
  *ret_labels = some;
  *ret_annotations = all;
}

static void take_back(json_t *to, const json_t *from) {
  const char *key;
  json_t *value;
  json_object_foreach((json_t *)from, key, value) {
    if (strncmp(key, THEIRS, strlen(THEIRS)) || !json_is_string(value)) continue;
    CLEANUP_FREE char *name = xprintf(OURS "%s", key + strlen(THEIRS));
    json_object_set(to, name, value);
  }
}

json_t *kube_labels_back(const json_t *metadata) {
  json_t *labels = json_object();
  take_back(labels, json_at(metadata, "labels"));
  take_back(labels, json_at(metadata, "annotations"));
  return labels;
}
