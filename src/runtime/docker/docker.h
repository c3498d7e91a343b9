/* The Docker runtime inside: one struct docker is one engine. Two halves share it:
 *   docker.c connect/create/attach/...: what is done to an engine;
 *   prepare.c: what will be created. Looking things up (source.c, image.c, late.c, exists.c) is kept apart
 * from the pure turning of inspect documents into a create request (clone.h). Nothing outside this folder
 * includes it. */
#ifndef RUNTIME_DOCKER_DOCKER_H
#define RUNTIME_DOCKER_DOCKER_H
#include "net/http.h"
#include "runtime/runtime.h"

struct docker {
  struct runtime base;      /* first: struct runtime * and struct docker * are the same pointer */
  struct loop *loop;        /* not ours */
  struct http_client *http; /* its endpoint: http_client_endpoint() */
  struct runtime_info info;
  int api_minor; /* 41 for API 1.41; set by connect */
  int64_t
      clock_offset_ns; /* the engine's Date less our wall clock, of the last answer; 0: unknown or equal */
  bool clock_known;
  bool connected_before; /* a second connect() looks whether containers outlive the engine */
  bool podman;           /* by its answers; podman.h has all that differs */
  int podman_major;      /* 5 of 5.4.2; 0: not told */
  bool want_podman;      /* --runtime podman: Docker is refused */
};

/* One request to /v1.N + path. body NULL: none. changes: sent at most once (net/http.h). timeout_ms 0: none.
 * Transport faults are errors (ERR_UNREACHABLE, ERR_LOST, ...); an HTTP status is not: look at ret->status.
 * ret is http_response_done() by the caller on success. Blocks in the loop. */
int docker_call(struct docker *d, const char *method, const char *path, json_t *body, bool changes,
                int64_t timeout_ms, struct http_response *ret, struct error *err);
/* The same for bodies that are not JSON and for further headers: req->path is without /v1.N. */
int docker_request(struct docker *d, const struct http_request *req, struct http_response *ret,
                   struct error *err);
/* "/v1.41" + path, for free(). */
char *docker_path(const struct docker *d, const char *path);
/* Lets the loop turn for ms. -1 when interrupted (err is set). */
int docker_sleep(struct docker *d, int64_t ms, struct error *err);
/* GET path -> JSON (a new reference). A status other than 200 is docker_fault(r, path). */
int docker_json(struct docker *d, const char *path, json_t **ret, struct error *err);
/* Turns an answer that is no success into an error and evaluates to -1: 404 ERR_MISSING, 409 ERR_CONFLICT,
 * 401 and 403 ERR_PERMISSION, else ERR_ENGINE; text "WHAT: the engine's message"; err->http_status is set. */
int docker_fault(const struct http_response *r, const char *what, struct error *err);

/* archive.c: files of a container that need not run, as tar. get: ERR_MISSING when there is no such file; a
 * tar of more than max bytes is ERR_ENGINE. ret must be buf_init()ed. */
int docker_archive_put(struct docker *d, const char *id, const char *dir, const void *tar, size_t n,
                       struct error *err);
int docker_archive_get(struct docker *d, const char *id, const char *path, struct buf *ret,
                       struct error *err);

/* prepare.c: runtime_ops.prepare. */
int docker_prepare(struct runtime *rt, const struct settings *s, struct prepared *ret, struct error *err);
/* late.c: copies the files listed in p->private_parts "late" from the source into the container new_id, which
 * has been created but not started. Never through the disk; owner and mode kept. Nothing to copy: 0. */
int docker_late_copy(struct docker *d, const struct prepared *p, const char *new_id, struct error *err);

/* prepared.private_parts, all optional:
 *   "connect": [{"network": ID, "name": NAME, "config": EndpointSettings}] to be joined after create (API
 * < 1.44): POST /networks/ID/connect {"Container": new_id, "EndpointConfig": config} "platform":
 * "linux/arm64" for the query of create (?platform=, API >= 1.41) "source_id": full id of the source
 * container "late": [{"path": "/run/secrets/db", "size": n, "file": true}] prepared.request is the body of
 * POST /containers/create; create() adds its labels to request.Labels. */
#endif
