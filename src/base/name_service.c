#include "base/name_service.h"
#include "base/alloc.h"
#include <grp.h>
#include <pwd.h>
#ifdef RUN_ONCE_STATIC
#include <dlfcn.h>
#include <nss.h>

/* Since glibc 2.34 (its NEWS) these two are part of libc, libc.a included; all others are files to be loaded.
 */
void name_service_init(void) {
  (void)__nss_configure_lookup("passwd", "files");
  (void)__nss_configure_lookup("group", "files");
  (void)__nss_configure_lookup("hosts", "files dns");
}

/* In place of libc's, for libcrypto: a provider that openssl.cnf(5) names would bring a second libc along. */
void *dlopen(const char *file, int mode) {
  (void)file, (void)mode;
  return NULL;
}

char *dlerror(void) {
  return (char *)"this build of run-once loads no modules";
}

/* A field, counted from 0, of what getent(1) says of an id, or NULL. */
static char *ask_machine(const char *database, unsigned long id, int field) {
  CLEANUP_FREE char *command = xprintf("exec getent %s %lu </dev/null 2>/dev/null", database, id);
  char line[1024] = "", *rest = line, *found = NULL;
  FILE *answer = popen(command, "re");
  if (!answer) return NULL;
  if (!fgets(line, sizeof line, answer)) line[0] = '\0';
  (void)pclose(answer);
  line[strcspn(line, "\n")] = '\0';
  for (int i = 0; i <= field; i++) found = strsep(&rest, ":");
  return found && *found ? xstrdup(found) : NULL;
}
#else
void name_service_init(void) {}

static char *ask_machine(const char *database, unsigned long id, int field) {
  (void)database, (void)id, (void)field;
  return NULL; /* getpwuid(3) has asked it */
}
#endif

static char *known(const char *text) {
  return text && *text ? xstrdup(text) : NULL;
}

char *user_name(uid_t uid) {
  const struct passwd *pw = getpwuid(uid);
  return pw ? known(pw->pw_name) : ask_machine("passwd", uid, 0);
}

char *user_home(uid_t uid) {
  const struct passwd *pw = getpwuid(uid);
  CLEANUP_FREE char *home = pw ? known(pw->pw_dir) : ask_machine("passwd", uid, 5);
  return home && home[0] == '/' ? TAKE(home) : NULL;
}

char *group_name(gid_t gid) {
  const struct group *gr = getgrgid(gid);
  return gr ? known(gr->gr_name) : ask_machine("group", gid, 0);
}
