#include "base/alloc.h"
#include "base/name_service.h"
#include "job/job.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_LENGTH 256 /* longer ones are not names */

/* What the CI systems say of the person behind a build. Anybody who can write a pipeline can set them, hence
 * "claimed". */
static const char *const ci_users[] = {
    "GITHUB_ACTOR",                        /* GitHub Actions, Gitea, Forgejo */
    "GITLAB_USER_LOGIN",                   /* GitLab */
    "BUILD_USER_ID",                       /* Jenkins, build user vars plugin */
    "CIRCLE_USERNAME",                     /* CircleCI */
    "BUILDKITE_BUILD_CREATOR",             /* Buildkite */
    "BUILD_REQUESTEDFOR",                  /* Azure Pipelines */
    "TEAMCITY_BUILD_TRIGGEREDBY_USERNAME", /* TeamCity, when the build passes it on */
    "CI_COMMIT_AUTHOR",                    /* Woodpecker; GitLab's comes above */
    "DRONE_COMMIT_AUTHOR",                 /* Drone */
    "BITBUCKET_STEP_TRIGGERER_UUID",       /* Bitbucket: an id, but one that leads to a name */
};

static const char *environment(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

/* One line of printable text: it goes into labels and tables. */
static char *tidy(const char *name) {
  char *s = xstrndup(name, NAME_LENGTH);
  for (char *p = s; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
  return s;
}

static char *login_name(void) {
  CLEANUP_FREE char *name = user_name(getuid());
  return name ? tidy(name) : xprintf("uid %ld", (long)getuid());
}

static char *find_user(const char *option, bool *ret_claimed) {
  const char *sudo = environment("SUDO_USER");
  *ret_claimed = false;
  if (option && *option) return tidy(option);
  if (sudo) return tidy(sudo);
  for (size_t i = 0; i < ARRAY_LEN(ci_users); i++) {
    const char *user = environment(ci_users[i]);
    if (!user) continue;
    *ret_claimed = true;
    return tidy(user);
  }
  return login_name();
}

void actor_find(const char *option, struct outcome *o) {
  char host[NAME_LENGTH] = "";
  if (gethostname(host, sizeof host - 1)) host[0] = '\0';
  free(o->actor_user);
  free(o->actor_host);
  o->actor_user = find_user(option, &o->actor_claimed);
  o->actor_host = host[0] ? tidy(host) : NULL;
}
