/* The members of struct runtime_ops, file by file; what each promises stands in runtime/runtime.h. */
#ifndef RUNTIME_DOCKER_OPS_H
#define RUNTIME_DOCKER_OPS_H
#include "runtime/docker/docker.h"

/* The engine's words of an answer that is no success, one line, never empty; for free(). */
char *docker_words(const struct http_response *r);

/* docker_json() whose complaints begin with `what` ("reading the state failed"). */
int docker_json_as(struct docker *d, const char *path, const char *what, json_t **ret, struct error *err);
/* The same, of the answer only the members `keys` (json_parse_part). */
int docker_json_part(struct docker *d, const char *path, const char *what, const char *const *keys,
                     json_t **ret, struct error *err);

/* pull.c */
int docker_pull(struct runtime *rt, const struct settings *s, const char *image,
                const struct pull_progress *pp, struct error *err);
/* create.c */
int docker_create(struct runtime *rt, const struct prepared *p, const struct identity *who, char **ret_id,
                  struct error *err);
json_t *docker_body(struct runtime *rt, const struct prepared *p, const struct identity *who);
int docker_complete(struct runtime *rt, const struct prepared *p, const char *id, struct error *err);
int docker_find(struct runtime *rt, const char *job_id, char **ret_id, struct error *err);
/* container.c */
int docker_start(struct runtime *rt, const char *id, struct error *err);
int docker_state(struct runtime *rt, const char *id, struct container_state *ret, struct error *err);
int docker_signal(struct runtime *rt, const char *id, int signo, struct error *err);
int docker_stop(struct runtime *rt, const char *id, int64_t grace_ms, struct error *err);
int docker_resize(struct runtime *rt, const char *id, int rows, int cols, struct error *err);
int docker_rename(struct runtime *rt, const char *id, const char *name, struct error *err);
int docker_remove(struct runtime *rt, const char *id, bool force, struct error *err);
bool docker_alive(struct runtime *rt, const char *id);
/* Of an inspect document. */
void docker_read_state(const json_t *inspect, struct container_state *ret);
/* stream.c, watch.c, wait.c */
int docker_attach(struct runtime *rt, const char *id, bool tty, bool input, const struct stream_handlers *h,
                  void *data, struct stream **ret, struct error *err);
int docker_logs(struct runtime *rt, const char *id, bool tty, bool follow, int64_t since_ns,
                const struct stream_handlers *h, void *data, struct stream **ret, struct error *err);
int docker_watch(struct runtime *rt, const char *job_id, const struct watch_handlers *h, void *data,
                 struct event_watch **ret, struct error *err);
int docker_wait_begin(struct runtime *rt, const char *id, bool next_exit, struct wait **ret,
                      struct error *err);
/* jobs.c */
int docker_jobs(struct runtime *rt, bool ended_only, job_skip *skip, struct job_list *ret, struct error *err);
int docker_by_name(struct runtime *rt, const char *name, struct job_info *ret, struct error *err);
/* claim.c */
/* Without force; one that is not there: success. `what` begins a complaint. */
int docker_volume_remove(struct docker *d, const char *name, const char *what, struct error *err);
int docker_claim(struct runtime *rt, const char *key_hash, json_t *labels, json_t **ret_labels,
                 struct error *err);
int docker_claim_read(struct runtime *rt, const char *key_hash, json_t **ret_labels, struct error *err);
int docker_claim_store(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                       const void *p, size_t n, struct error *err);
int docker_claim_load(struct runtime *rt, const char *key_hash, const char *image, const char *file,
                      char **ret, size_t *ret_n, struct error *err);
int docker_claim_free(struct runtime *rt, const char *key_hash, struct error *err);
int docker_claim_sweep(struct runtime *rt, const char *by, int64_t stale_ms);
/* leftovers.c */
int docker_leftovers(struct runtime *rt, struct leftover_list *ret, struct error *err);
int docker_leftover_remove(struct runtime *rt, const struct leftover *l, struct error *err);
enum recall docker_recall(struct runtime *rt, const char *job_id, int64_t since_ns);
bool docker_memory_full(struct runtime *rt);
/* examine.c */
int docker_examine(struct runtime *rt, struct strv *ret_facts, struct strv *ret_findings, struct error *err);
#endif
