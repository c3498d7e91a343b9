#include "net/choose.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/name_service.h"
#include "data/json.h"
#include "net/context.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *env(const char *name) {
  const char *v = getenv(name);
  return v && *v ? v : NULL;
}

char *docker_config_dir(void) {
  const char *dir = env("DOCKER_CONFIG"), *home = env("HOME");
  if (dir) return xstrdup(dir);
  CLEANUP_FREE char *own = home ? NULL : user_home(getuid());
  return xprintf("%s/.docker", home ? home : own ? own : "");
}

/* Takes `name` in dir into *slot if the file is there. */
static bool take_file(const char *dir, const char *name, char **slot) {
  CLEANUP_FREE char *path = xprintf("%s/%s", dir, name);
  if (!file_exists(path)) return false;
  *slot = TAKE(path);
  return true;
}

/* DOCKER_TLS_VERIFY and DOCKER_TLS (any value, even "0") as docker reads them; contexts bring their own. */
static int add_env_tls(struct endpoint *ep, struct error *err) {
  bool verify = env("DOCKER_TLS_VERIFY") != NULL;
  const char *dir = env("DOCKER_CERT_PATH");
  if (ep->scheme != ENDPOINT_TCP || (!verify && !env("DOCKER_TLS"))) return 0;
  CLEANUP_FREE char *config = docker_config_dir();
  if (!dir) dir = config;
  ep->tls = true;
  ep->verify = verify;
  if (!take_file(dir, "ca.pem", &ep->ca) && verify)
    return error_set(err, ERR_CONFIG,
                     "DOCKER_TLS_VERIFY: %s/ca.pem does not exist; DOCKER_CERT_PATH "
                     "names the folder of ca.pem, cert.pem and key.pem",
                     dir);
  if (!take_file(dir, "cert.pem", &ep->cert) || !take_file(dir, "key.pem", &ep->key)) {
    free(ep->cert);
    ep->cert = NULL; /* docker drops half a pair silently; the engine says what it wants */
  }
  return 0;
}

static int from_host(const char *host, const char *why, struct endpoint *ret, struct error *err) {
  struct endpoint ep;
  if (endpoint_parse(host, why, &ep, err)) return -1;
  if (add_env_tls(&ep, err)) {
    endpoint_done(&ep);
    return -1;
  }
  *ret = ep;
  return 0;
}

/* Where Podman's own service listens, as root or as this user; for free(). */
static char *podman_socket(void) {
  const char *run = env("XDG_RUNTIME_DIR");
  if (!geteuid()) return xstrdup("/run/podman/podman.sock");
  return run ? xprintf("%s/podman/podman.sock", run)
             : xprintf("/run/user/%lu/podman/podman.sock", (unsigned long)geteuid());
}

static bool have_podman(void) {
  const char *at = env("PATH");
  for (bool last = !at; !last;) {
    size_t n = strcspn(at, ":");
    CLEANUP_FREE char *file = xprintf("%.*s/podman", (int)n, at);
    if (n && !access(file, X_OK)) return true;
    last = !at[n];
    at += n + 1;
  }
  return false;
}

/* Podman's own socket, which is not there, and podman is: the same engine is reached by a service of ours.
 * One that exists is used as it is: if nobody listens that is an error. */
static void start_podman_for(struct endpoint *ep) {
  struct stat st;
  CLEANUP_FREE char *own = podman_socket();
  if (ep->scheme != ENDPOINT_UNIX || strcmp(ep->socket_path, own) != 0) return;
  if (!stat(own, &st) || (errno != ENOENT && errno != ENOTDIR) || !have_podman()) return;
  ep->podman_service = true;
  char *why = xprintf("%s; it is not there: podman system service is started", ep->why);
  free(ep->why);
  ep->why = why;
}

static int no_socket(bool podman, struct endpoint *ret, struct error *err) {
  if (podman && have_podman()) {
    CLEANUP_FREE char *own = podman_socket();
    CLEANUP_FREE char *host = xprintf("unix://%s", own);
    return endpoint_parse(host, "Podman's socket", ret, err);
  }
  if (podman)
    return error_set(err, ERR_UNREACHABLE,
                     "no Podman found: neither /run/podman/podman.sock nor "
                     "$XDG_RUNTIME_DIR/podman/podman.sock exists, and podman is not in the PATH; install it, "
                     "or name a socket with --host");
  return error_set(err, ERR_UNREACHABLE,
                   "no engine found: neither /var/run/docker.sock nor /run/podman/podman.sock nor one in "
                   "XDG_RUNTIME_DIR exists; name one with --host, --context or DOCKER_HOST%s",
                   have_podman() ? ", or take Podman, which needs none, with --runtime podman" : "");
}

/* The first socket that exists. One that cannot even be looked at (a folder closed to us, as root's Podman
 * has it) does not count as existing; one that exists and does not answer is an error later, never skipped.
 */
static int from_first_socket(bool podman, struct endpoint *ret, struct error *err) {
  const char *run = env("XDG_RUNTIME_DIR");
  char *paths[] = {
      xstrdup("/var/run/docker.sock"),
      run ? xprintf("%s/docker.sock", run) : NULL,
      xstrdup("/run/podman/podman.sock"),
      run ? xprintf("%s/podman/podman.sock", run) : NULL,
  };
  const char *found = NULL;
  int r;
  struct stat st;
  for (size_t i = podman ? 2 : 0; i < ARRAY_LEN(paths) && !found; i++)
    if (paths[i] && !stat(paths[i], &st)) found = paths[i];
  if (found) {
    CLEANUP_FREE char *host = xprintf("unix://%s", found);
    r = endpoint_parse(host, "first socket", ret, err);
  } else
    r = no_socket(podman, ret, err);
  for (size_t i = 0; i < ARRAY_LEN(paths); i++) free(paths[i]);
  return r;
}

/* What docker calls the context "default". */
static int from_default(const char *why, bool podman, struct endpoint *ret, struct error *err) {
  const char *host = env("DOCKER_HOST");
  int r = host ? from_host(host, why ? why : "DOCKER_HOST", ret, err) : from_first_socket(podman, ret, err);
  if (!r && why) {
    free(ret->why);
    ret->why = xstrdup(why);
  }
  return r;
}

static int from_context(const char *name, const char *source, bool podman, struct endpoint *ret,
                        struct error *err) {
  CLEANUP_FREE char *why = xprintf("context %s (%s)", name, source);
  CLEANUP_FREE char *dir = docker_config_dir();
  if (!strcmp(name, "default")) return from_default(why, podman, ret, err);
  return context_endpoint(dir, name, why, ret, err);
}

/* The release file's context may not contradict the environment: two people would mean two engines. */
static int from_release(const char *name, bool podman, struct endpoint *ret, struct error *err) {
  const char *host = env("DOCKER_HOST"), *context = env("DOCKER_CONTEXT");
  struct endpoint ep, other;
  if (context && strcmp(context, name))
    return error_set(err, ERR_CONFIG,
                     "context '%s' of the release file failed: DOCKER_CONTEXT says '%s'; unset one, or "
                     "decide with --context",
                     name, context);
  if (from_context(name, "release file", podman, &ep, err)) return -1;
  if (!host || !strcmp(name, "default")) {
    *ret = ep;
    return 0;
  }
  if (endpoint_parse(host, "DOCKER_HOST", &other, err)) {
    endpoint_done(&ep);
    return -1;
  }
  bool same = !strcmp(ep.text, other.text);
  if (!same)
    error_set(err, ERR_CONFIG,
              "context '%s' (%s) of the release file failed: DOCKER_HOST says %s; unset one, or "
              "decide with --context or --host",
              name, ep.text, other.text);
  endpoint_done(&other);
  if (!same) {
    endpoint_done(&ep);
    return -1;
  }
  *ret = ep;
  return 0;
}

/* currentContext of config.json, for free(); NULL when there is none. */
static int current_context(char **ret, struct error *err) {
  CLEANUP_FREE char *dir = docker_config_dir();
  CLEANUP_FREE char *path = xprintf("%s/config.json", dir);
  struct buf text;
  *ret = NULL;
  if (!file_exists(path)) return 0;
  buf_init(&text, LIMIT_CONFIG_JSON);
  if (file_read(path, LIMIT_CONFIG_JSON, &text, err)) {
    buf_done(&text);
    return -1;
  }
  json_t CLEANUP_JSON *o = json_parse(text.len ? text.data : "", text.len, err);
  buf_done(&text);
  if (!o) {
    if (err) err->kind = ERR_CONFIG;
    return error_prefix(err, "%s", path);
  }
  *ret = xstrdup(json_str(o, "currentContext"));
  return 0;
}

static int choose(const struct endpoint_choice *c, struct endpoint *ret, struct error *err) {
  CLEANUP_FREE char *current = NULL;
  if (c->host && c->context)
    return error_set(err, ERR_USAGE, "--host and --context: only one of them can be given");
  if (c->host) return from_host(c->host, "--host", ret, err);
  if (c->context) return from_context(c->context, "--context", c->podman, ret, err);
  if (c->release_context) return from_release(c->release_context, c->podman, ret, err);
  if (env("DOCKER_HOST")) return from_default(NULL, c->podman, ret, err);
  if (env("DOCKER_CONTEXT"))
    return from_context(env("DOCKER_CONTEXT"), "DOCKER_CONTEXT", c->podman, ret, err);
  if (current_context(&current, err)) return -1;
  if (current && *current && strcmp(current, "default"))
    return from_context(current, "currentContext of config.json", c->podman, ret, err);
  return from_default(NULL, c->podman, ret, err);
}

int endpoint_choose(const struct endpoint_choice *c, struct endpoint *ret, struct error *err) {
  if (choose(c, ret, err)) return -1;
  start_podman_for(ret);
  return 0;
}
