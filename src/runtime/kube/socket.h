/* A container's streams over WebSocket: channels in one upgraded connection (k8s.io/apimachinery
 * remotecommand). Each message's first byte is its channel; v5.channel.k8s.io (API servers from 1.30) can
 * close one channel, with v4 the end of the input is the end of the connection. */
#ifndef RUNTIME_KUBE_SOCKET_H
#define RUNTIME_KUBE_SOCKET_H
#include "runtime/kube/kube.h"

enum {
  CHANNEL_INPUT = 0,
  CHANNEL_OUTPUT = 1,
  CHANNEL_ERROR_OUTPUT = 2,
  CHANNEL_STATUS = 3,
  CHANNEL_RESIZE = 4
};

struct kube_socket_handlers {
  void (*on_ready)(void *data); /* attached: before that nothing may be sent */
  void (*on_bytes)(void *data, int channel, const char *p, size_t n); /* of channels 1 and 2 */
  void (*on_room)(void *data);                                        /* after a send that took less */
  /* Once, the last. err NULL: the server closed in order. ERR_PERMISSION, ERR_MISSING, ERR_ENGINE with
   * http_status: refused; ERR_UNREACHABLE, ERR_LOST, ...: broken. */
  void (*on_over)(void *data, const struct error *err);
};
struct kube_socket;
/* path: ".../attach?container=web&stdin=true". Handlers come from loop_step(). */
struct kube_socket *kube_socket_open(struct kube *k, const char *path, const struct kube_socket_handlers *h,
                                     void *data);
/* Bytes taken of one message of channel 0; 0: no room (on_room comes); -1: it is over. */
long kube_socket_send(struct kube_socket *s, const void *p, size_t n);
/* The end of the input. 1: on its way, on_room or on_over comes; 0: the node has taken everything before it
 * (it has answered a ping behind it); -1: it is over without that. */
int kube_socket_end_input(struct kube_socket *s);
void kube_socket_resize(struct kube_socket *s, int rows, int cols);
void kube_socket_pause(struct kube_socket *s, bool paused);
void kube_socket_free(struct kube_socket *s); /* NULL is fine; also from inside a handler */
#endif
