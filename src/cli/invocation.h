/* What run, task and plan have in common: the release file, the task and the options, put together. */
#ifndef CLI_INVOCATION_H
#define CLI_INVOCATION_H
#include "cli/command.h"
#include "job/job.h"
#include "net/endpoint.h"
#include "release/release.h"
#include "runtime/settings.h"

struct invocation {
  struct release *release; /* NULL: no release file */
  const struct task *task; /* NULL: an ad hoc command */
  struct settings settings;
  struct job_request request; /* borrows from options and settings */
  const char *kind;           /* "docker" */
  struct endpoint endpoint;
  struct strv notes; /* for stderr, unless quiet */
  char *detach_keys; /* of docker's config.json; NULL: none there */
};
/* Always to be followed by invocation_done(), also after a fault. The task's name is taken from the words of
 * `task` or from plan's --task. */
int invocation_build(struct invocation *inv, struct cli *c, struct error *err);
void invocation_done(struct invocation *inv);
/* "docker", "podman" or "kubernetes": what was asked for, else what the source says. */
const char *invocation_runtime(const struct options *opts, const struct release *release);
/* Runtime kind and endpoint, by the contract's section 7; also for jobs and doctor. release may be NULL. */
int invocation_target(const struct options *opts, const struct release *release, const char **ret_kind,
                      struct endpoint *ret, struct error *err);

/* overlay.c: what the options say about the copy, over what the release file says. */
int overlay_settings(struct settings *s, const struct options *o, struct strv *notes, struct error *err);
/* COMMAND [ARG...] behind the options; of a task these are appended. */
int overlay_command(struct settings *s, const struct cli *c, const struct task *task, struct error *err);
/* request.c: streams (section 3) go to settings, too. */
int request_build(struct job_request *r, struct settings *s, const struct options *o, const struct task *task,
                  struct error *err);
#endif
