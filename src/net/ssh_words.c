#include "net/ssh_words.h"
#include "base/alloc.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* First match wins: ssh's most telling line comes before its general one. `step`: %s is "[-p PORT] HOST". */
static const struct {
  const char *words;
  enum error_kind kind;
  const char *say; /* instead of ssh's line, NULL: as it is */
  const char *step;
} known[] = {
    {"IDENTIFICATION HAS CHANGED", ERR_PERMISSION, "the host's key is not the one that is known",
     "find out why before you trust it (ssh-keygen -R removes the old key)"},
    {"Host key verification failed", ERR_PERMISSION, "Host key verification failed",
     "compare and accept its key once by 'ssh %s'"},
    {"Permission denied (", ERR_PERMISSION, NULL,
     "ssh cannot ask for a password here: 'ssh %s true' must work without one (a key, ssh-add, "
     "~/.ssh/config)"},
    {"Too many authentication failures", ERR_PERMISSION, NULL,
     "name the key in ~/.ssh/config (IdentityFile, IdentitiesOnly)"},
    {"Could not resolve hostname", ERR_UNREACHABLE, NULL, NULL},
    {"Connection refused", ERR_UNREACHABLE, NULL, NULL},
    {"timed out", ERR_UNREACHABLE, NULL, NULL},
    {"connect: permission denied", ERR_PERMISSION, NULL,
     "that user must be a member of the socket's group there"},
    {"failed to open the raw stream connection", ERR_UNREACHABLE, NULL,
     "is the engine running there? name another socket by ssh://HOST/PATH"},
    {"command not found", ERR_UNREACHABLE, NULL,
     "sshd there refuses to forward the socket (AllowStreamLocalForwarding), or it does not exist"},
    {"not found", ERR_UNREACHABLE, NULL,
     "sshd there refuses to forward the socket (AllowStreamLocalForwarding), or it does not exist"},
    {"open failed", ERR_UNREACHABLE, NULL, NULL},
};

/* Some lines begin with "ssh: ", which is said already, and end with a full stop. */
static char *without_name(const char *line, size_t n) {
  size_t skip = n > 5 && !memcmp(line, "ssh: ", 5) ? 5 : 0;
  if (n > skip && line[n - 1] == '.') n--;
  return xstrndup(line + skip, n - skip);
}

/* The line of text that holds `words`, for free(); NULL: none. */
static char *line_with(const char *text, const char *words) {
  const char *at = strstr(text, words), *begin = at;
  if (!at) return NULL;
  while (begin > text && begin[-1] != '\n') begin--;
  return without_name(begin, strcspn(begin, "\r\n"));
}

static char *last_line(const char *text) {
  const char *last = NULL;
  size_t len = 0;
  for (const char *at = text; *at;) {
    size_t n = strcspn(at, "\r\n");
    if (n) {
      last = at;
      len = n;
    }
    at += n + strspn(at + n, "\r\n");
  }
  return last ? without_name(last, len) : NULL;
}

/* What to type to try it by hand. */
static char *destination(const struct endpoint *ep) {
  CLEANUP_FREE char *port = ep->port ? xprintf("-p %d ", ep->port) : xstrdup("");
  return xprintf("%s%s%s%s", port, ep->user ? ep->user : "", ep->user ? "@" : "", ep->host);
}

static int said_nothing(const struct endpoint *ep, int status, struct error *err) {
  if (status == -1)
    return error_set(err, ERR_UNREACHABLE, "cannot reach the engine at %s: ssh does not come through",
                     ep->text);
  if (WIFSIGNALED(status))
    return error_set(err, ERR_UNREACHABLE, "cannot reach the engine at %s: ssh was ended by signal %d",
                     ep->text, WTERMSIG(status));
  return error_set(err, ERR_UNREACHABLE,
                   "cannot reach the engine at %s: ssh ended with status %d without a word", ep->text,
                   WEXITSTATUS(status));
}

int ssh_fault(const struct endpoint *ep, const char *log, int status, struct error *err) {
  CLEANUP_FREE char *to = destination(ep);
  for (size_t i = 0; i < ARRAY_LEN(known); i++) {
    CLEANUP_FREE char *line = line_with(log, known[i].words);
    if (!line) continue;
    const char *say = known[i].say ? known[i].say : line, *step = known[i].step ? known[i].step : "";
    const char *here = strstr(step, "%s");
    int before = (int)(here ? (size_t)(here - step) : strlen(step));
    return error_set(err, known[i].kind, "cannot reach the engine at %s: ssh: %s%s%.*s%s%s", ep->text, say,
                     *step ? "; " : "", before, step, here ? to : "", here ? here + 2 : "");
  }
  CLEANUP_FREE char *line = last_line(log);
  if (!line) return said_nothing(ep, status, err);
  return error_set(err, ERR_UNREACHABLE, "cannot reach the engine at %s: ssh: %s", ep->text, line);
}
