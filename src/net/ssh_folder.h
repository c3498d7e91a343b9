/* The private folder of a tunnel: the socket that libcurl connects to, and what ssh says. 0700, under
 * XDG_RUNTIME_DIR or /tmp. Removed by its owner; one whose owner was killed is removed by the next that makes
 * one: the log is locked as long as its owner or one of its ssh processes lives. */
#ifndef NET_SSH_FOLDER_H
#define NET_SSH_FOLDER_H
#include "base/buf.h"
#include "base/error.h"

struct ssh_folder {
  char *path, *socket;
  int log; /* append; stderr of every ssh */
};
int ssh_folder_make(struct ssh_folder *ret, struct error *err);
void ssh_folder_remove(struct ssh_folder *f); /* a zeroed one is fine */
void ssh_folder_clear_log(struct ssh_folder *f);
void ssh_folder_read_log(const struct ssh_folder *f, struct buf *ret); /* its end; for buf_done() */
#endif
