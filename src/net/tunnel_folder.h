/* The private folder of a way to an engine that a program of ours keeps open (ssh, podman): the socket that
 * libcurl connects to, and what the program says. 0700, under XDG_RUNTIME_DIR or /tmp. Removed by its owner;
 * one whose owner was killed is removed by the next that makes one of the same name: the log is locked as
 * long as its owner or one of its programs lives. */
#ifndef NET_TUNNEL_FOLDER_H
#define NET_TUNNEL_FOLDER_H
#include "base/buf.h"
#include "base/error.h"

struct tunnel_folder {
  const char *name; /* "ssh" */
  char *path, *socket;
  int log; /* append; stderr of every program */
};
/* name: a literal, part of the folder's name and of the words of a fault. */
int tunnel_folder_make(struct tunnel_folder *ret, const char *name, struct error *err);
void tunnel_folder_remove(struct tunnel_folder *f); /* a zeroed one is fine */
void tunnel_folder_clear_log(struct tunnel_folder *f);
void tunnel_folder_read_log(const struct tunnel_folder *f, struct buf *ret); /* its end; for buf_done() */
/* A connection to the socket, non-blocking; -1: nobody listens there (yet). */
int tunnel_folder_connect(const struct tunnel_folder *f);
#endif
