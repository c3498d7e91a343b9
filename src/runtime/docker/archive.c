/* Files of a container that need not run (GET and PUT /containers/ID/archive). */
#include "base/alloc.h"
#include "base/limits.h"
#include "runtime/docker/docker.h"

#define ARCHIVE_MS 300000 /* a volume may stand on a network */

static char *archive_path(const char *id, const char *path) {
  CLEANUP_FREE char *escaped = http_escape(path);
  return xprintf("/containers/%s/archive?path=%s", id, escaped);
}

/* Putting the same files again is harmless: it may be sent again. */
int docker_archive_put(struct docker *d, const char *id, const char *dir, const void *tar, size_t n,
                       struct error *err) {
  CLEANUP_FREE char *path = archive_path(id, dir);
  CLEANUP_FREE char *what = xprintf("copying files to %s failed", dir);
  struct http_request req = {.method = "PUT",
                             .path = path,
                             .body = tar,
                             .body_len = n,
                             .content_type = "application/x-tar",
                             .timeout_ms = ARCHIVE_MS};
  struct http_response r;
  if (docker_request(d, &req, &r, err) < 0) return error_prefix(err, "%s", what);
  int rc = r.status == 200 ? 0 : docker_fault(&r, what, err);
  http_response_done(&r);
  return rc;
}

int docker_archive_get(struct docker *d, const char *id, const char *path, struct buf *ret,
                       struct error *err) {
  CLEANUP_FREE char *query = archive_path(id, path);
  CLEANUP_FREE char *what = xprintf("reading %s failed", path);
  struct http_request req = {.method = "GET", .path = query, .timeout_ms = ARCHIVE_MS};
  struct http_response r;
  int rc = 0;
  if (docker_request(d, &req, &r, err) < 0) return error_prefix(err, "%s", what);
  if (r.status != 200)
    rc = docker_fault(&r, what, err);
  else if (buf_append(ret, r.body.data, r.body.len) < 0)
    rc = error_set(err, ERR_ENGINE, "%s: more than %zu bytes", what, ret->cap);
  http_response_done(&r);
  return rc;
}
