#include "base/alloc.h"
#include "base/fd.h"
#include "job/job.h"
#include <ctype.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_LENGTH 256 /* longer ones are not names */
#define PASSWD "/etc/passwd"
#define PASSWD_MAX 65536 /* a longer one is for the C library */

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

/* root:x:0:0:...: the name, for free(); NULL: another line. */
static char *name_in(const char *line, size_t n, uid_t uid) {
  const char *colon = memchr(line, ':', n);
  const char *second = colon ? memchr(colon + 1, ':', (size_t)(line + n - colon - 1)) : NULL;
  char *end;
  if (!second || colon == line || !isdigit((unsigned char)second[1])) return NULL;
  unsigned long number = strtoul(second + 1, &end, 10);
  return *end == ':' && number == uid ? xstrndup(line, (size_t)(colon - line)) : NULL;
}

/* In the file, where nearly everybody is. */
static char *local_name(uid_t uid) {
  struct buf b;
  char *name = NULL;
  if (file_read(PASSWD, PASSWD_MAX, &b, NULL)) return NULL;
  for (const char *line = b.data, *next; *line && !name; line = next) {
    size_t n = strcspn(line, "\n");
    next = line + n + (line[n] != '\0');
    name = name_in(line, n, uid);
  }
  buf_done(&b);
  return name;
}

/* The C library would look for a cache daemon twice, read how names are looked up, then read the same file: a
 * dozen system calls. It is asked about those who are not in there. */
static char *login_name(void) {
  CLEANUP_FREE char *local = local_name(getuid());
  if (local) return tidy(local);
  const struct passwd *pw = getpwuid(getuid());
  return pw && pw->pw_name && *pw->pw_name ? tidy(pw->pw_name) : xprintf("uid %ld", (long)getuid());
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
