/* JSON from peers, on jansson: capped, depth-limited, and read without crashing on a wrong type. */
#ifndef DATA_JSON_H
#define DATA_JSON_H
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Parses one document (LIMIT_JSON, LIMIT_JSON_DEPTH, duplicates: last wins). Returns a new reference or NULL
 * with ERR_ENGINE "not JSON: ..."; never quotes the text (it may hold secrets). */
json_t *json_parse(const char *text, size_t len, struct error *err);
/* The same for an object, or an array of objects, of which only some members matter (keys: NULL-terminated;
 * "Actor.Attributes.signal" is a member of members): the others are skipped with no more than their brackets
 * and quotes looked at, and are not in the answer. For large answers. */
json_t *json_parse_part(const char *text, size_t len, const char *const *keys, struct error *err);
/* The other way about: everything but the arrays that are members of these names, wherever they stand (a
 * string, number or object of such a name stays: it is somebody's label). What is inside of such an array is
 * not looked at. For objects of a cluster, of which `managedFields` is half. */
json_t *json_parse_without(const char *text, size_t len, const char *const *names, struct error *err);
/* Dotted path through objects ("HostConfig.NetworkMode"); borrowed, NULL if absent, null or of another type.
 */
json_t *json_at(const json_t *o, const char *path);
const char *json_str(const json_t *o, const char *path); /* NULL if absent */
long long json_int_or(const json_t *o, const char *path, long long fallback);
bool json_is(const json_t *o, const char *path);    /* true only for JSON true */
json_t *json_object_in(json_t *o, const char *key); /* o[key] as object, made if absent */
void json_unref(json_t **o);                        /* for CLEANUP_JSON */
#define CLEANUP_JSON __attribute__((cleanup(json_unref)))
/* Compact text, keys sorted: the form that is hashed. For free(). */
char *json_canonical(const json_t *o);
#endif
