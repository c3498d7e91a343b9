/* More of what a pod says than pods.h has: for the files that wait for it. Pure. */
#ifndef RUNTIME_KUBE_SAID_H
#define RUNTIME_KUBE_SAID_H
#include "runtime/kube/pods.h"

/* The entry of status.containerStatuses; borrowed, NULL: none yet. */
const json_t *kube_container_status(const json_t *pod, const char *container);
/* Of the Job it belongs to; NULL: none. */
const char *kube_controller_uid(const json_t *pod);
/* Deletion was asked for. */
bool kube_deletion(const json_t *pod);
/* Its node has stopped answering: the cluster took "Ready" from it, though all its containers are, by the
 * kubelet's last word. */
bool kube_silent(const json_t *pod);
/* The end that it tells of its container is none that anybody saw: kubelets invent one for a container that
 * they cannot find when its pod is deleted, whether or not it ever ran. */
bool kube_made_up(const json_t *pod);
/* Its node wanted to start it and found no ticket. */
bool kube_missed_ticket(const json_t *pod, const char *job_id);
/* By its node's word no container of it has ever started, init containers and sidecars included. */
bool kube_untouched(const json_t *pod);
/* 126, 127 by a container runtime's words about a command that could not be executed; 0: they say nothing of
 * it. */
int kube_exec_fault(const char *words);
#endif
