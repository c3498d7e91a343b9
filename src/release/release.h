/* From the release file, a task and the command line to `struct settings` and the job's defaults.
 * release_load -> release_task (optional) -> release_settings; then options are laid over by cli/ through
 * settings_env() etc. Strict: unknown keys, wrong types and unset variables are ERR_CONFIG with FILE:LINE
 * and, for a key, the nearest known one. `${}` by the Compose specification from the caller's environment,
 * then .env beside the file. Nothing inside a task's command: is touched. */
#ifndef RELEASE_RELEASE_H
#define RELEASE_RELEASE_H
#include "base/error.h"
#include "data/yaml.h"
#include "runtime/settings.h"

struct task {
  char *name, *description;
  struct strv command;
  bool tty_set, tty, stdin_set, stdin_open;
  char *lock, *once;   /* interpolated */
  struct strv options; /* further defaults, as option names and values: {"timeout","30m","keep","always"};
                          filled by release_task() */
  int line;
  const struct yaml *node; /* for env:, env_file:, user:, ... of the task */
};
struct release {
  char *file; /* as shown in complaints */
  char *dir;  /* env_file is relative to it */
  char *name, *image, *from, *runtime, *context;
  struct {
    char *namespace, *container, *service_account, *template; /* template: a path as the file means it */
  } kube;                                                     /* kubernetes: */
  struct strv defaults; /* {"timeout","1h","keep","on-failure"}: option names (those of the option table) and
                           values */
  struct task *tasks;
  size_t n_tasks;
  struct yaml *root;
  struct dotenv *dotenv; /* .env beside the file */
  struct strv notes;     /* handed on to settings.notes by release_settings() */
};
/* path NULL: ./release.yaml (only if it begins with "version: 1"; otherwise skipped and *ret_note says so in
 * one line), else /etc/run-once/release.yaml, else *ret stays NULL and 0 is returned. */
int release_load(const char *path, struct release **ret, char **ret_note, struct error *err);
void release_free(struct release *r);
/* Borrowed; ERR_USAGE naming the nearest task. Interpolates its lock and once (unset: error). */
int release_task(struct release *r, const char *name, const struct task **ret, struct error *err);
/* Lays file-wide settings, then the task's (may be NULL), over s. Reads env_file. With a task also argv,
 * task, tty and open_stdin. from: goes to s->source, image: to s->image (alone: source stays SOURCE_NONE). */
int release_settings(const struct release *r, const struct task *t, struct settings *s, struct error *err);
/* compose/: the service of s->source (SOURCE_COMPOSE_FILE; "file:PATH#SERVICE") as the ground on which the
 * other settings are laid: called before release_settings(), on settings that are new but for their source.
 * PATH is a file, several with ',' between, or a folder: what docker compose takes there (COMPOSE_FILE, else
 * compose.yaml and its override). ERR_CONFIG, ERR_USAGE; lines for stderr go to s->notes. */
int compose_settings(struct settings *s, struct error *err);
/* -v/--volume SRC:DST[:opts] by docker's rules, shared by file and command line. */
int mount_parse(const char *text, const char *dir, const char *origin, struct settings *s, struct error *err);
#endif
