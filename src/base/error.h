/* The one error object. A function that can fail takes `struct error *err` last and returns -1 after
 * error_set(); its outputs are written only on success. Callers add context with error_prefix() on the way
 * up. The text is one line (newlines of a peer become "; ") in the form the contract asks for, WHAT failed:
 * WHY. The kind decides verdict, cause and exit status in one table (job/verdict.c). Nothing here prints. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H
#include <stddef.h>

enum error_kind {
  ERR_NONE = 0,
  ERR_USAGE,           /* the command line: 125, cause usage */
  ERR_CONFIG,          /* release file, env file, settings that cannot be: 125, config */
  ERR_IMAGE,           /* no image, pull refused: 125, image */
  ERR_ENGINE,          /* the engine said no, or nonsense: 125, engine */
  ERR_PERMISSION,      /* of the socket, a file, a registry: 125, permission */
  ERR_QUOTA,           /* 125, quota */
  ERR_MISSING,         /* a named thing is not there (HTTP 404): 125, missing_reference */
  ERR_CONFLICT,        /* HTTP 409: name taken, removal in progress, wrong state: 125, engine */
  ERR_UNREACHABLE,     /* nothing was sent: no socket, connection refused: 125, engine */
  ERR_LOST,            /* sent, answer lost: the peer may have acted. Settle by looking */
  ERR_TIMEOUT,         /* a limit of ours passed while waiting for an answer; may have acted */
  ERR_CANCELLED,       /* the user interrupted before the command began: 125, usage of INT */
  ERR_DEADLINE_START,  /* --start-timeout passed: 124, deadline_start */
  ERR_NOT_EXECUTABLE,  /* 126, not_executable */
  ERR_NOT_FOUND,       /* the COMMAND does not exist in the image: 127, not_found */
  ERR_LOCKED,          /* 121, locked */
  ERR_ONCE_UNRESOLVED, /* 121, once_unresolved */
  ERR_ONCE_MISMATCH,   /* 121, once_mismatch */
  ERR_ROLLOUT,         /* 121, rollout */
  ERR_NOT_INERT,       /* 121, not_inert */
  ERR_UNSCHEDULABLE,   /* no node of the cluster can take it: 125, unschedulable */
  ERR_SYSTEM,          /* errno of this machine: 125, engine */
};

#define ERROR_TEXT_MAX 2048

struct error {
  enum error_kind kind;
  long http_status; /* of the answer that caused it; 0: none */
  char text[ERROR_TEXT_MAX];
};

#define ERROR_INIT                                                                                           \
  { 0 }

/* -1 as a call, so that the macros below are fine as statements too. */
static inline int error_failed(void) {
  return -1;
}
/* Sets kind and text (over what was there; http_status to 0) and evaluates to -1. err may be NULL; the
 * arguments may point into err->text. */
#define error_set(err, kind, ...) (error_set_text((err), (kind), __VA_ARGS__), error_failed())
/* Puts "prefix: " before the text; evaluates to -1. */
#define error_prefix(err, ...) (error_prefix_text((err), __VA_ARGS__), error_failed())

void error_set_text(struct error *err, enum error_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void error_prefix_text(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Text of another's words, made one line: newlines to "; ", tabs to spaces, control characters to '?', outer
 * space cut. "; " is longer than a newline: size is what text has room for; more is cut. error_set and
 * error_prefix do it themselves. */
void error_one_line(char *text, size_t size);
void error_clear(struct error *err);
#endif
