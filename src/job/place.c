/* Where the history lives when nobody says. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/name_service.h"
#include "job/chain.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Under sudo HOME may still be the caller's: then the user database has the word. */
static char *home_of(uid_t uid) {
  const char *home = getenv("SUDO_USER") ? NULL : getenv("HOME");
  return home && home[0] == '/' ? xstrdup(home) : user_home(uid);
}

char *history_default_path(uid_t uid, struct error *err) {
  if (uid == 0) return xstrdup("/var/lib/run-once/history.jsonl");
  const char *state = getenv("XDG_STATE_HOME");
  if (state && state[0] == '/')
    return xprintf("%s/run-once/history.jsonl", state); /* XDG: absolute or nothing */
  CLEANUP_FREE char *home = home_of(uid);
  if (home) return xprintf("%s/.local/state/run-once/history.jsonl", home);
  error_set(
      err, ERR_CONFIG,
      "finding a place for the history failed: uid %ld has no home; set XDG_STATE_HOME or --history PATH",
      (long)uid);
  return NULL;
}

static char *who(uid_t uid) {
  CLEANUP_FREE char *name = user_name(uid);
  return name ? xprintf("%s (uid %ld)", name, (long)uid) : xprintf("uid %ld", (long)uid);
}

/* mkdir -p with 0700; what exists stays as it is. */
static int make_folders(const char *folder) {
  CLEANUP_FREE char *path = xstrdup(folder);
  for (char *p = path + 1; *p; p++) {
    if (*p != '/') continue;
    *p = '\0';
    if (mkdir(path, 0700) && errno != EEXIST && errno != EROFS && errno != EACCES) return -1;
    *p = '/';
  }
  struct stat st;
  return mkdir(path, 0700) && (errno != EEXIST || stat(path, &st)) ? -1 : 0;
}

int history_folder(const char *folder, struct error *err) {
  struct stat st;
  if (stat(folder, &st)) {
    if (errno == ENOENT && make_folders(folder) == 0 && stat(folder, &st) == 0)
      ;
    else
      return error_set(err, errno == EACCES || errno == EROFS ? ERR_PERMISSION : ERR_CONFIG,
                       "making the folder %s for the history failed: %s; choose another by --history PATH",
                       folder, strerror(errno));
  }
  if (!S_ISDIR(st.st_mode))
    return error_set(err, ERR_CONFIG, "opening the history failed: %s is not a folder", folder);
  if (st.st_uid == geteuid()) return 0;
  CLEANUP_FREE char *owner = who(st.st_uid);
  CLEANUP_FREE char *me = who(geteuid());
  return error_set(err, ERR_PERMISSION,
                   "opening the history failed: the folder %s belongs to %s, not to %s; choose another by "
                   "--history PATH",
                   folder, owner, me);
}
