/* What runtimes tell about jobs: the owned parts of struct job_info. */
#include "runtime/runtime.h"
#include <stdlib.h>

void job_info_done(struct job_info *j) {
  char **const owned[] = {&j->id,    &j->container, &j->name,   &j->app,    &j->lock,
                          &j->once,  &j->actor,     &j->host,   &j->reason, &j->deadline,
                          &j->image, &j->command,   &j->created};
  for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
    free(*owned[i]);
    *owned[i] = NULL;
  }
  strv_done(&j->argv);
  if (j->labels) json_decref(j->labels);
  j->labels = NULL;
}

void job_list_done(struct job_list *l) {
  for (size_t i = 0; i < l->n; i++) job_info_done(&l->jobs[i]);
  free(l->jobs);
  *l = (struct job_list){0};
}

void leftover_list_done(struct leftover_list *l) {
  for (size_t i = 0; i < l->n; i++) {
    free(l->items[i].job_id);
    free(l->items[i].host);
    free(l->items[i].name);
  }
  free(l->items);
  *l = (struct leftover_list){0};
}
