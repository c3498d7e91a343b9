/* How requests get through: credentials (credentials.c), the plugins that fetch them (plugin.c), and what
 * every answer tells besides (client.c). For the files that send: client.c, watch.c, kube.c. */
#ifndef RUNTIME_KUBE_REACH_H
#define RUNTIME_KUBE_REACH_H
#include "runtime/kube/kube.h"

/* Who we are to this cluster. Reads `endpoint.context` (kube.h) of the client, and sets its certificate when
 * a plugin gives one. Nothing is fetched before it is wanted. */
struct kube_credentials *kube_credentials_new(struct loop *loop, struct http_client *http);
void kube_credentials_free(struct kube_credentials *c); /* NULL is fine */
/* Must a plugin run before the next request? Never blocks. */
bool kube_credentials_wanted(const struct kube_credentials *c);
/* Runs it; `done` comes from loop_step(), err NULL: the credentials are there. One who is not interested any
 * more takes itself out by kube_credentials_forget(). Several may wait for one run. */
struct kube_credentials_user {
  void (*done)(void *data, const struct error *err);
  void *data;
  struct kube_credentials_user *next;
};
void kube_credentials_fetch(struct kube_credentials *c, struct kube_credentials_user *u);
void kube_credentials_forget(struct kube_credentials *c, struct kube_credentials_user *u);
/* The same, blocking in the loop. Nothing to do: 0 at once. */
int kube_credentials_ready(struct kube_credentials *c, struct error *err);
/* The header lines as they are now; NULL: none. Never blocks (a token's file may be read). -1: the file
 * cannot be read. */
int kube_credentials_headers(struct kube_credentials *c, char **ret, struct error *err);
/* The server answered 401. True: what was sent is thrown away and others may be had: try once more. */
bool kube_credentials_refused(struct kube_credentials *c);

/* plugin.c: one run of an exec credential plugin (client.authentication.k8s.io). `spec` as in
 * endpoint.context "exec"; borrowed until done. done: the ExecCredential's status, borrowed; or err. */
struct kube_plugin;
typedef void kube_plugin_fn(void *data, json_t *status, const struct error *err);
struct kube_plugin *kube_plugin_begin(struct loop *loop, const json_t *spec, const struct endpoint *ep,
                                      kube_plugin_fn *done, void *data);
extern int64_t kube_plugin_limit_ms;          /* for tests */
void kube_plugin_free(struct kube_plugin *p); /* NULL is fine; kills one that still runs */

/* client.c: notes the Date and the warnings of an answer. */
void kube_note(struct kube *k, const struct http_response *r);
/* Seconds of a Retry-After header as ms, at most 60 s; 0: none. */
int64_t kube_retry_after(const struct http_response *r);
/* Lets the loop turn for ms. -1 when interrupted (err is set). */
int kube_sleep(struct kube *k, int64_t ms, struct error *err);
#endif
