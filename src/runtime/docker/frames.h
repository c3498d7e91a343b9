/* Docker's multiplexed output (Engine API, "Stream format"): frames of [type, 0, 0, 0, length big-endian 32]
 * and payload, split anywhere by the transport. Pure; payload is passed on without being kept. Types: 0 and 1
 * standard output, 2 standard error, 3 the engine's own complaint (moby pkg/stdcopy "Systemerr"). With a TTY
 * there are no frames: raw. */
#ifndef RUNTIME_DOCKER_FRAMES_H
#define RUNTIME_DOCKER_FRAMES_H
#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames {
  bool raw;
  unsigned char head[8];
  size_t n_head;  /* bytes of the next head that came */
  uint64_t begun; /* frames whose head is there; raw: 0 */
  size_t left;    /* payload of the present frame still to come */
  bool large;     /* the present frame, or the last one, is worth being moved unread */
  int fd;         /* of the present frame: 1, 2; 0: a complaint is being collected */
  struct buf complaint;
  char *run; /* payload of small frames of one stream that follow each other, told in one piece */
  size_t n_run;
  int run_fd;
};

/* Never called with n == 0. Anything but 0 ends the feeding at once (the stream was freed). */
typedef int frames_fn(void *data, int fd, const char *p, size_t n);

void frames_init(struct frames *f, bool raw);
void frames_done(struct frames *f);
/* 0; 1: fn ended it; -1: ERR_ENGINE, unknown type, a frame over LIMIT_FRAME, or the engine's complaint. After
 * -1 nothing more may be fed: where the next frame begins is not known. */
int frames_feed(struct frames *f, const char *p, size_t n, frames_fn *fn, void *data, struct error *err);
/* How many bytes to take in one piece next, when large frames are moved on unread: *ret_fd 1 or 2: payload of
 * that stream, to be moved and then told by frames_moved(); 0: to be read and fed. SIZE_MAX: frames are
 * small. */
size_t frames_next(const struct frames *f, int *ret_fd);
void frames_moved(struct frames *f, size_t n);
bool frames_whole(const struct frames *f); /* between two frames: an end here is an end in order */
#endif
