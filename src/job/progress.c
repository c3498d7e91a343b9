#include "job/progress.h"
#include "base/alloc.h"
#include "base/clock.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS 100
#define LAYERS_MAX 256 /* images have at most 127 */

struct layer {
  char name[72], status[64];
  int64_t current, total;
};
struct progress {
  enum { SILENT, BARS, LINES, JSON } form;
  struct layer layers[LAYERS_MAX];
  size_t n, drawn;
  int64_t last;
};

struct progress *progress_new(enum choice_progress how, bool quiet) {
  struct progress *p = xcalloc(1, sizeof *p);
  if (how == PROGRESS_JSON)
    p->form = JSON;
  else if (quiet || how == PROGRESS_NONE)
    p->form = SILENT;
  else
    p->form = how == PROGRESS_AUTO && isatty(STDERR_FILENO) ? BARS : LINES;
  return p;
}

static struct layer *find(struct progress *p, const char *name) {
  for (size_t i = 0; i < p->n; i++)
    if (!strcmp(p->layers[i].name, name)) return &p->layers[i];
  if (p->n == LAYERS_MAX) return NULL;
  struct layer *l = &p->layers[p->n++];
  snprintf(l->name, sizeof l->name, "%s", name);
  return l;
}

/* A registry's words on our terminal: no escapes. */
static void clean(char *s) {
  for (; *s; s++)
    if ((unsigned char)*s < 32 || *s == 127) *s = '?';
}

static void draw(struct progress *p) {
  static const char full[] = "====================";
  struct winsize w = {0};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) || !w.ws_col) w.ws_col = 80;
  if (p->drawn) fprintf(stderr, "\033[%zuA", p->drawn);
  size_t rows = w.ws_row > 2 && p->n > (size_t)w.ws_row - 2 ? (size_t)w.ws_row - 2 : p->n;
  for (size_t i = p->n - rows; i < p->n; i++) {
    const struct layer *l = &p->layers[i];
    char line[256];
    int bar = l->total > 0 && l->current <= l->total ? (int)(l->current * 20 / l->total) : 0;
    if (l->total > 0)
      snprintf(line, sizeof line, "run-once: %.12s %-20.20s [%-20.*s] %lld/%lld KiB", l->name, l->status, bar,
               full, (long long)l->current >> 10, (long long)l->total >> 10);
    else
      snprintf(line, sizeof line, "run-once: %.12s %.60s", l->name, l->status);
    fprintf(stderr, "\r\033[K%.*s\n", w.ws_col - 1, line);
  }
  p->drawn = rows;
}

static void line_json(const struct layer *l) {
  json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I}", "event", "pull", "layer", l->name, "status", l->status,
                        "current", (json_int_t)l->current, "total", (json_int_t)l->total);
  char *text = json_dumps(o, JSON_COMPACT);
  if (text) fprintf(stderr, "%s\n", text);
  free(text);
  json_decref(o);
}

void progress_layer(void *data, const char *name, const char *status, int64_t current, int64_t total) {
  struct progress *p = data;
  struct layer *l = find(p, name ? name : "");
  if (!l || p->form == SILENT) return;
  bool changed = strncmp(l->status, status ? status : "", sizeof l->status - 1) != 0;
  snprintf(l->status, sizeof l->status, "%s", status ? status : "");
  clean(l->status);
  clean(l->name);
  l->current = current;
  l->total = total;
  int64_t now = clock_ms();
  if (p->form == JSON && (changed || now - p->last > REDRAW_MS))
    line_json(l);
  else if (p->form == LINES && changed)
    fprintf(stderr, "run-once: pull: %s%s%s\n", l->name, *l->name ? ": " : "", l->status);
  else if (p->form == BARS && (changed || now - p->last > REDRAW_MS))
    draw(p);
  else
    return;
  p->last = now;
}

void progress_free(struct progress *p) {
  if (p && p->form == BARS && p->n) draw(p);
  free(p);
}
