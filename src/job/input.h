/* Our stdin to the command: whole, end of file included. On a terminal the detach keys are looked for and the
 * end of file is a byte (^D) like any other, never a half-close. */
#ifndef JOB_INPUT_H
#define JOB_INPUT_H
#include "base/error.h"
#include "net/loop.h"
#include "runtime/runtime.h"

struct input;
struct input_handlers {
  void (*on_complete)(void *data); /* every byte and the end of file were handed over */
  void (*on_detach)(void *data);   /* the detach keys were typed */
};
/* keys: docker's notation, "ctrl-p,ctrl-q"; "" none. ERR_USAGE for garbage. */
int input_keys(const char *keys, char *ret, size_t size, size_t *ret_n, struct error *err);
struct input *input_new(struct loop *loop, bool tty, const char *keys, size_t n_keys,
                        const struct input_handlers *h, void *data);
void input_stream(struct input *in,
                  struct stream *s); /* from now on goes there; NULL: nowhere, reading stops */
void input_writable(struct input *in);
int64_t input_sent(const struct input *in);
bool input_complete(const struct input *in);
void input_free(struct input *in); /* NULL is fine */
#endif
