/* Prints the settings that --from file:PATH#SERVICE stands for, as JSON with sorted keys: tests/compose/run
 * compares them with Docker Compose's. One line on stderr and exit status 1 where they are refused. */
#include "base/error.h"
#include "release/release.h"
#include <stdio.h>
#include <stdlib.h>

static json_t *texts(const struct strv *v) {
  json_t *list = json_array();
  for (size_t i = 0; i < v->n; i++) json_array_append_new(list, json_string(v->v[i]));
  return list;
}

static void put_text(json_t *o, const char *key, const char *value) {
  if (value) json_object_set_new(o, key, json_string(value));
}

static void put_tri(json_t *o, const char *key, enum tri value) {
  if (value != TRI_UNSET) json_object_set_new(o, key, json_boolean(value == TRI_YES));
}

static json_t *mounts(const struct settings *s) {
  static const char *const kinds[] = {"bind", "volume", "tmpfs"};
  json_t *list = json_array();
  for (size_t i = 0; i < s->n_mounts; i++) {
    const struct mount_setting *m = &s->mounts[i];
    json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:b, s:s?}", "type", kinds[m->kind], "source",
                                          m->source, "target", m->target, "ro", m->read_only, "options",
                                          m->options));
  }
  return list;
}

static json_t *show(const struct settings *s) {
  json_t *o = json_deep_copy(s->described), *env = json_object();
  for (size_t i = 0; i < s->n_env; i++)
    json_object_set_new(env, s->env[i].name, json_string(s->env[i].value));
  json_object_set_new(o, "environment", env);
  if (s->entrypoint_set) json_object_set_new(o, "entrypoint", texts(&s->entrypoint));
  json_object_set_new(o, "mounts", mounts(s));
  json_object_set_new(o, "networks", texts(&s->networks));
  json_object_set_new(o, "notes", texts(&s->notes));
  put_text(o, "user", s->user);
  put_text(o, "working_dir", s->workdir);
  put_text(o, "platform", s->platform);
  put_text(o, "stop_signal", s->stop_signal);
  put_tri(o, "init", s->init);
  put_tri(o, "read_only", s->read_only);
  put_tri(o, "privileged", s->privileged);
  if (s->stop_grace_ms >= 0) json_object_set_new(o, "stop_grace_ms", json_integer(s->stop_grace_ms));
  return o;
}

int main(int argc, char **argv) {
  struct error err = ERROR_INIT;
  struct settings s;
  if (argc != 2) return 2;
  settings_init(&s);
  if (source_parse(argv[1], &s.source, &err) || compose_settings(&s, &err)) {
    fprintf(stderr, "%s\n", err.text);
    settings_done(&s);
    return 1;
  }
  json_t *o = show(&s);
  char *text = json_dumps(o, JSON_SORT_KEYS | JSON_INDENT(1));
  puts(text ? text : "not UTF-8");
  free(text);
  json_decref(o);
  settings_done(&s);
  return 0;
}
