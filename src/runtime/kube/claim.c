/* Once-records. A Secret whose POST is test-and-set (a Secret, not a ConfigMap: the output of a command may
 * be confidential); its key "owner" has the first creator's labels. What is stored stands in the Secret
 * itself, or, if it is too large for one object, in further Secrets that hang on it and go with it; the
 * Secret's own entry is written last, so a record is there as a whole or not at all. */
#include "base/alloc.h"
#include "base/clock.h"
#include "data/hash.h"
#include "data/json.h"
#include "runtime/kube/life.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE (512u << 10) /* of one Secret, which holds 1 MiB; its JSON is a third larger */
#define PIECES_MAX 64      /* 32 MiB */
#define LABEL_CLAIM "run-once/claim"
#define LABEL_PIECE "run-once/claim-piece"

static void claim_name(const char *key_hash, char ret[64]) {
  char hash[65];
  sha256_hex(key_hash, strlen(key_hash), hash); /* a key that was run again carries a job's id behind it */
  snprintf(ret, 64, "run-once-once-%.40s", hash);
}

static char *claim_path(const struct kube *k, const char *key_hash) {
  char name[64];
  claim_name(key_hash, name);
  return kube_path(k, "", "secrets", name, NULL);
}

/* A Secret's data are base64. NULL: no such key, or garbage. For free(). */
static char *entry(const json_t *secret, const char *key, size_t *ret_n) {
  const char *text = json_string_value(json_object_get(json_at(secret, "data"), key));
  return text ? base64_decode(text, ret_n) : NULL;
}

static json_t *owner_of(const json_t *secret) {
  struct error none = ERROR_INIT;
  size_t n = 0;
  CLEANUP_FREE char *text = entry(secret, "owner", &n);
  json_t *labels = text ? json_parse(text, n, &none) : NULL;
  return labels ? labels : json_object(); /* somebody else's Secret */
}

int kube_claim_read(struct runtime *rt, const char *key_hash, json_t **ret_labels, struct error *err) {
  CLEANUP_FREE char *path = claim_path((struct kube *)rt, key_hash);
  CLEANUP_JSON json_t *secret = NULL;
  if (kube_get((struct kube *)rt, path, "reading the once-record failed", &secret, err) < 0) return -1;
  *ret_labels = owner_of(secret);
  return 0;
}

/* Asking again gives the same answer: a POST that finds it there is no fault, so it may be sent again. */
int kube_claim(struct runtime *rt, const char *key_hash, json_t *labels, json_t **ret_labels,
               struct error *err) {
  struct kube *k = (struct kube *)rt;
  char name[64], app[64];
  claim_name(key_hash, name);
  const char *text = json_string_value(json_object_get(labels, "run-once.app"));
  kube_label_value(text ? text : "", app);
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", NULL, NULL);
  CLEANUP_FREE char *owner = json_dumps(labels, JSON_COMPACT);
  CLEANUP_JSON json_t *body =
      json_pack("{s:s, s:s, s:s, s:{s:s, s:{s:s, s:s}}, s:{s:s}}", "apiVersion", "v1", "kind", "Secret",
                "type", "Opaque", "metadata", "name", name, "labels", LABEL_CLAIM, "true", "run-once/app",
                app, "stringData", "owner", owner ? owner : "{}");
  struct kube_request req = {.method = "POST", .path = path, .body = body};
  struct error fault = ERROR_INIT;
  if (kube_json(k, &req, "writing the once-record failed", NULL, &fault) == 0) {
    *ret_labels = json_incref(labels);
    return 0;
  }
  if (fault.kind == ERR_CONFLICT) return kube_claim_read(rt, key_hash, ret_labels, err);
  if (err) *err = fault;
  return -1;
}

/* The pieces hang on it: the cluster takes them along. */
int kube_claim_free(struct runtime *rt, const char *key_hash, struct error *err) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_FREE char *path = claim_path(k, key_hash);
  struct kube_request req = {.method = "DELETE", .path = path};
  struct error fault = ERROR_INIT;
  if (kube_json(k, &req, "removing the once-record failed", NULL, &fault) == 0) return 0;
  if (fault.kind == ERR_MISSING) return 0;
  if (err) *err = fault;
  return -1;
}

/* --- storing --- */

static json_t *data_of(const char *key, const void *p, size_t n) {
  CLEANUP_FREE char *text = base64_encode(p, n);
  return json_pack("{s:s}", key, text);
}

static void piece_name(const char *claim, const char *nonce, size_t i, char ret[80]) {
  snprintf(ret, 80, "%s-%s-%zu", claim, nonce, i);
}

static int post_piece(struct kube *k, const json_t *claim, const char *nonce, size_t i, const char *p,
                      size_t n, struct error *err) {
  char name[80];
  const char *owner = json_str(claim, "metadata.name"), *uid = json_str(claim, "metadata.uid");
  piece_name(owner ? owner : "", nonce, i, name);
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", NULL, NULL);
  CLEANUP_JSON json_t *body =
      json_pack("{s:s, s:s, s:s, s:{s:s, s:{s:s}, s:[{s:s, s:s, s:s, s:s}]}, s:o}", "apiVersion", "v1",
                "kind", "Secret", "type", "Opaque", "metadata", "name", name, "labels", LABEL_PIECE, nonce,
                "ownerReferences", "apiVersion", "v1", "kind", "Secret", "name", owner ? owner : "", "uid",
                uid ? uid : "", "data", data_of("piece", p, n));
  struct kube_request req = {.method = "POST", .path = path, .body = body};
  struct error fault = ERROR_INIT;
  if (kube_json(k, &req, "storing the once-record failed", NULL, &fault) == 0) return 0;
  if (fault.kind == ERR_CONFLICT)
    return 0; /* ours, by a request that was sent twice: nobody else has the nonce */
  if (err) *err = fault;
  return -1;
}

/* What the Secret itself says of the record: file -> the bytes, or file.index -> where they are. */
static int write_entry(struct kube *k, const json_t *claim, const char *key, const void *p, size_t n,
                       struct error *err) {
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", json_str(claim, "metadata.name"), NULL);
  CLEANUP_JSON json_t *body = json_pack("{s:{s:s}, s:o}", "metadata", "uid", json_str(claim, "metadata.uid"),
                                        "data", data_of(key, p, n));
  struct kube_request req = {.method = "PATCH", .path = path, .body = body};
  return kube_json(k, &req, "storing the once-record failed", NULL, err);
}

static int store_pieces(struct kube *k, const json_t *claim, const char *file, const char *p, size_t n,
                        struct error *err) {
  char nonce[11], hash[65];
  size_t pieces = (n + PIECE - 1) / PIECE;
  if (pieces > PIECES_MAX)
    return error_set(err, ERR_CONFIG,
                     "storing the once-record failed: %zu bytes are more than a cluster takes (%u MiB); "
                     "give a smaller --once-output",
                     n, PIECES_MAX * (PIECE >> 10) >> 10);
  random_id(nonce, sizeof nonce - 1);
  for (size_t i = 0; i < pieces; i++) {
    size_t len = i + 1 < pieces ? PIECE : n - i * PIECE;
    if (post_piece(k, claim, nonce, i, p + i * PIECE, len, err) < 0) return -1;
  }
  sha256_hex(p, n, hash);
  CLEANUP_JSON json_t *index =
      json_pack("{s:s, s:I, s:s}", "nonce", nonce, "pieces", (json_int_t)pieces, "sha256", hash);
  CLEANUP_FREE char *text = json_dumps(index, JSON_COMPACT);
  CLEANUP_FREE char *key = xprintf("%s.index", file);
  return write_entry(k, claim, key, text, strlen(text), err);
}

int kube_claim_store(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                     const void *p, size_t n, struct error *err) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_FREE char *path = claim_path(k, key_hash);
  CLEANUP_JSON json_t *claim = NULL;
  (void)image;
  if (kube_get(k, path, "storing the once-record failed", &claim, err) < 0) return -1;
  if (n <= PIECE) return write_entry(k, claim, file, p, n, err);
  return store_pieces(k, claim, file, p, n, err);
}

/* --- loading --- */

static int load_piece(struct kube *k, const char *claim, const char *nonce, size_t i, char **ret,
                      size_t *ret_n, struct error *err) {
  char name[80];
  size_t n = 0;
  piece_name(claim, nonce, i, name);
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", name, NULL);
  CLEANUP_JSON json_t *secret = NULL;
  if (kube_get(k, path, "reading the once-record failed", &secret, err) < 0) return -1;
  char *bytes = entry(secret, "piece", &n);
  if (!bytes)
    return error_set(err, ERR_ENGINE, "reading the once-record failed: Secret %s holds no piece of it", name);
  *ret = bytes;
  *ret_n = n;
  return 0;
}

static int load_pieces(struct kube *k, const json_t *claim, const json_t *index, char **ret, size_t *ret_n,
                       struct error *err) {
  const char *name = json_str(claim, "metadata.name"), *nonce = json_str(index, "nonce"),
             *want = json_str(index, "sha256");
  long long pieces = json_int_or(index, "pieces", 0);
  char hash[65];
  struct buf all;
  int rc = 0;
  if (!name || !nonce || !want || pieces < 1 || pieces > PIECES_MAX)
    return error_set(err, ERR_ENGINE, "reading the once-record failed: its index is garbled");
  buf_init(&all, PIECES_MAX * PIECE);
  for (long long i = 0; rc == 0 && i < pieces; i++) {
    CLEANUP_FREE char *bytes = NULL;
    size_t n = 0;
    rc = load_piece(k, name, nonce, (size_t)i, &bytes, &n, err);
    if (rc == 0 && buf_append(&all, bytes, n) < 0)
      rc = error_set(err, ERR_ENGINE, "reading the once-record failed: it is too large");
  }
  if (rc == 0) {
    sha256_hex(all.data, all.len, hash);
    if (strcmp(hash, want) != 0)
      rc = error_set(err, ERR_ENGINE, "reading the once-record failed: its pieces are not what was stored");
  }
  if (rc == 0) {
    *ret_n = all.len;
    *ret = buf_take(&all);
  }
  buf_done(&all);
  return rc;
}

int kube_claim_load(struct runtime *rt, const char *key_hash, const char *image, const char *file, char **ret,
                    size_t *ret_n, struct error *err) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_FREE char *path = claim_path(k, key_hash), *key = xprintf("%s.index", file), *whole = NULL,
                    *text = NULL;
  CLEANUP_JSON json_t *claim = NULL, *index = NULL;
  size_t n = 0;
  (void)image;
  if (kube_get(k, path, "reading the once-record failed", &claim, err) < 0) return -1;
  if ((whole = entry(claim, file, &n))) {
    *ret = TAKE(whole);
    *ret_n = n;
    return 0;
  }
  if (!(text = entry(claim, key, &n))) return error_set(err, ERR_MISSING, "%s: not in the once-record", file);
  if (!(index = json_parse(text, n, err))) return error_prefix(err, "reading the once-record failed");
  return load_pieces(k, claim, index, ret, ret_n, err);
}

/* --- sweeping --- */

/* Is the piece one of those that its claim's index names? */
static bool referred_to(struct kube *k, const json_t *piece) {
  const char *owner = json_str(json_array_get(json_at(piece, "metadata.ownerReferences"), 0), "name");
  const char *nonce = json_string_value(json_object_get(json_at(piece, "metadata.labels"), LABEL_PIECE));
  CLEANUP_FREE char *path = kube_path(k, "", "secrets", owner ? owner : "none", NULL);
  CLEANUP_JSON json_t *claim = NULL;
  struct error fault = ERROR_INIT;
  if (kube_get(k, path, "reading the once-record failed", &claim, &fault) < 0)
    return fault.kind != ERR_MISSING; /* not known: it stays */
  const char *key;
  json_t *value;
  json_object_foreach(json_at(claim, "data"), key, value) {
    size_t n = 0;
    CLEANUP_FREE char *text = entry(claim, key, &n);
    if (text && nonce && strstr(key, ".index") && strstr(text, nonce)) return true;
  }
  return false;
}

/* Pieces of a store that was cut short: no index names them. Those of one job only by their age, too: the
 * index of a launcher that has just died may still be on its way. */
int kube_claim_sweep(struct runtime *rt, const char *by, int64_t stale_ms) {
  struct kube *k = (struct kube *)rt;
  CLEANUP_FREE char *path = kube_list_path(k, "", "secrets", LABEL_PIECE);
  CLEANUP_JSON json_t *list = NULL;
  struct error none = ERROR_INIT;
  int64_t now = rt->ops->clock_ns(rt);
  size_t i;
  json_t *piece;
  int swept = 0;
  if (by || kube_get(k, path, "sweeping failed", &list, &none) < 0) return 0;
  json_array_foreach(json_at(list, "items"), i, piece) {
    const char *at = json_str(piece, "metadata.creationTimestamp"), *name = json_str(piece, "metadata.name");
    int64_t made = at ? clock_parse_rfc3339(at) : 0;
    if (!name || !now || !made || (now - made) / 1000000 < stale_ms || referred_to(k, piece)) continue;
    CLEANUP_FREE char *one = kube_path(k, "", "secrets", name, NULL);
    struct kube_request req = {.method = "DELETE", .path = one};
    swept += kube_json(k, &req, "sweeping failed", NULL, &none) == 0;
  }
  return swept;
}
