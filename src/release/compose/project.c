/* Which files, which variables, which project: cli/options.go of compose-go. */
#include "base/alloc.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/parse.h"
#include "data/interpolate.h"
#include "release/compose/compose.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *compose_path(const struct compose *c, const struct yaml *node, const char *path) {
  return absolute_path(compose_file_of(c, node)->dir, path);
}

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void split(const char *text, const char *separator, struct strv *ret) {
  size_t n = strlen(separator);
  for (const char *end; (end = strstr(text, separator)); text = end + n)
    strv_take(ret, xstrndup(text, (size_t)(end - text)));
  strv_add(ret, text);
}

static char *in_folder(const char *dir, const char *name) {
  return *name == '/' || !strcmp(dir, ".") ? xstrdup(name) : xprintf("%s/%s", dir, name);
}

static int first_of(const char *dir, const char *const *names, size_t n, struct strv *ret) {
  for (size_t i = 0; i < n; i++) {
    char *path = in_folder(dir, names[i]);
    if (file_exists(path)) {
      strv_take(ret, path);
      return 0;
    }
    free(path);
  }
  return -1;
}

/* What docker compose takes in that folder: COMPOSE_FILE, else the usual names and an override beside them.
 */
static int files_of_folder(const char *dir, struct dotenv *env, struct strv *ret, struct error *err) {
  static const char *const usual[] = {"compose.yaml", "compose.yml", "docker-compose.yml",
                                      "docker-compose.yaml"};
  static const char *const override[] = {"compose.override.yml", "compose.override.yaml",
                                         "docker-compose.override.yml", "docker-compose.override.yaml"};
  const char *listed = dotenv_lookup(env, "COMPOSE_FILE");
  const char *separator = dotenv_lookup(env, "COMPOSE_PATH_SEPARATOR");
  if (listed && *listed) {
    struct strv names = {0};
    split(listed, separator && *separator ? separator : ":", &names);
    for (size_t i = 0; i < names.n; i++)
      if (*names.v[i]) strv_take(ret, in_folder(dir, names.v[i]));
    strv_done(&names);
    return 0;
  }
  if (first_of(dir, usual, ARRAY_LEN(usual), ret))
    return error_set(err, ERR_CONFIG,
                     "%s: no compose.yaml, compose.yml, docker-compose.yml or "
                     "docker-compose.yaml in this folder",
                     dir);
  first_of(dir, override, ARRAY_LEN(override), ret);
  return 0;
}

static int choose_files(const char *path, struct strv *ret, struct error *err) {
  if (is_folder(path)) {
    struct dotenv *env = dotenv_load(path, err);
    int rc = env ? files_of_folder(path, env, ret, err) : -1;
    dotenv_free(env);
    return rc;
  }
  if (file_exists(path) || !strchr(path, ','))
    strv_add(ret, path);
  else
    split(path, ",", ret);
  for (size_t i = 0; i < ret->n; i++)
    if (!*ret->v[i] || is_folder(ret->v[i]))
      return error_set(err, ERR_CONFIG, "'%s': expected the name of a file", ret->v[i]);
  return 0;
}

/* COMPOSE_ENV_FILES, else .env beside the first file. */
static struct dotenv *project_env(const char *dir, struct error *err) {
  const char *listed = getenv("COMPOSE_ENV_FILES");
  if (!listed || !*listed) return dotenv_load(dir, err);
  struct strv names = {0};
  struct dotenv *env = dotenv_new(NULL);
  int rc = 0;
  split(listed, ",", &names);
  for (size_t i = 0; i < names.n && rc == 0; i++) {
    struct buf text;
    rc = compose_read(names.v[i], NULL, &text, err);
    if (rc == 0) buf_done(&text);
    if (rc == 0) rc = dotenv_read(env, names.v[i], err);
  }
  strv_done(&names);
  if (rc == 0) return env;
  dotenv_free(env);
  return NULL;
}

/* "_My Shop" -> "myshop" */
static char *normal_name(const char *text) {
  char *name = xstrdup(text), *to = name;
  for (const char *from = name; *from; from++) {
    char c = (char)tolower((unsigned char)*from);
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || (to > name && (c == '-' || c == '_'))) *to++ = c;
  }
  *to = '\0';
  return name;
}

static bool is_project_name(const char *s) {
  if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s)) return false;
  return s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

static int set_project(struct compose *c, const char *name, struct error *err) {
  if (!is_project_name(name))
    return error_set(err, ERR_CONFIG,
                     "%s: '%s' cannot be the name of a project: lower-case letters, digits, '-' and '_', the "
                     "first a letter or digit (name: at the top, or COMPOSE_PROJECT_NAME)",
                     c->files && c->n_files ? c->files[0]->shown : c->dir, name);
  free(c->project);
  c->project = xstrdup(name);
  dotenv_set(c->env, "COMPOSE_PROJECT_NAME", name);
  return 0;
}

/* name: as far as it can be seen in a text that is not parsed yet: ${COMPOSE_PROJECT_NAME} in the same file
 * wants it. What is parsed decides in the end. */
static char *name_ahead(struct compose *c, const char *path) {
  struct buf text;
  struct error unsaid = ERROR_INIT;
  struct interpolation how = {.lookup = dotenv_lookup, .data = c->env, .bare_names = true};
  char *found = NULL;
  if (compose_read(path, NULL, &text, &unsaid)) return NULL;
  for (const char *line = text.data; line && *line && !found;) {
    size_t n = strcspn(line, "\n");
    struct yaml *one = !strncmp(line, "name:", 5) ? yaml_parse(path, line, n, &unsaid) : NULL;
    const char *name = one ? compose_text(yaml_get(one, "name")) : NULL;
    if (name) found = interpolate(name, &how, NULL, &unsaid);
    yaml_tree_free(one);
    line += n + (line[n] == '\n');
  }
  buf_done(&text);
  return found;
}

static int name_project(struct compose *c, const struct strv *files, struct error *err) {
  const char *given = dotenv_lookup(c->env, "COMPOSE_PROJECT_NAME");
  c->named = given && *given;
  if (c->named) return set_project(c, given, err);
  for (size_t i = files->n; i-- > 0;) {
    CLEANUP_FREE char *path = absolute_path(NULL, files->v[i]), *name = name_ahead(c, path);
    CLEANUP_FREE char *normal = name ? normal_name(name) : NULL;
    if (normal && *normal) return set_project(c, normal, err);
  }
  const char *slash = strrchr(c->dir, '/');
  CLEANUP_FREE char *name = normal_name(slash ? slash + 1 : c->dir);
  if (is_project_name(name)) return set_project(c, name, err);
  return 0; /* only a fault when no file names it */
}

/* name: as it was parsed goes over the folder's name; the caller's and .env's go over both. */
static int settle_name(struct compose *c, struct error *err) {
  const char *text = compose_text(yaml_get(c->model, "name"));
  if (!c->named && text && *text) {
    CLEANUP_FREE char *name = normal_name(text);
    return set_project(c, name, err);
  }
  return c->project ? 0 : set_project(c, "", err);
}

static int load_files(struct compose *c, const struct strv *files, struct error *err) {
  for (size_t i = 0; i < files->n; i++) {
    struct yaml *root;
    CLEANUP_FREE char *path = absolute_path(NULL, files->v[i]);
    if (!path) return error_set(err, ERR_CONFIG, "%s: no such file", files->v[i]);
    struct stat st;
    if (stat(path, &st) != 0) return error_set(err, ERR_CONFIG, "%s: %s", files->v[i], strerror(errno));
    if (compose_load(c, path, files->v[i], c->dir, c->env, c->service, &root, err)) return -1;
    if (merge_model(c->model, root, c->service, err)) return -1;
  }
  return 0;
}

static int find_service(struct compose *c, struct error *err) {
  const struct yaml *services = yaml_get(c->model, "services"), *service = yaml_get(services, c->service);
  if (service && service->kind == YAML_MAP) return 0;
  size_t n = services && services->kind == YAML_MAP ? services->n : 0;
  CLEANUP_FREE const char **names = xcalloc(n + 1, sizeof(*names));
  for (size_t i = 0; i < n; i++) names[i] = services->pairs[i].key;
  const char *near = nearest_word(c->service, names, (int)(n < 1000 ? n : 1000));
  if (service)
    return compose_complain(service, c->service, err, "expected a map, found %s",
                            yaml_kind_name(service->kind));
  return error_set(err, ERR_CONFIG, "%s: there is no service '%s'%s%s%s", c->files[0]->shown, c->service,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static void compose_done(struct compose *c) {
  for (size_t i = 0; i < c->n_files; i++) {
    free(c->files[i]->shown);
    free(c->files[i]->dir);
    free(c->files[i]);
  }
  free(c->files);
  free(c->dir);
  free(c->project);
  dotenv_free(c->env);
  strv_done(&c->including);
  strv_done(&c->extending);
  strv_done(&c->unset);
  yaml_tree_free(c->model);
}

static int resolve(struct compose *c, const struct strv *files, struct settings *s, struct error *err) {
  if (!files->n) return error_set(err, ERR_CONFIG, "there is no file");
  CLEANUP_FREE char *first = absolute_path(NULL, files->v[0]);
  char *slash = first ? strrchr(first, '/') : NULL;
  if (!slash) return error_set(err, ERR_CONFIG, "%s: no such file", files->v[0]);
  c->dir = slash == first ? xstrdup("/") : xstrndup(first, (size_t)(slash - first));
  c->env = project_env(c->dir, err);
  c->model = tree_new(YAML_MAP, NULL, NULL);
  if (!c->env || name_project(c, files, err) || load_files(c, files, err)) return -1;
  if (settle_name(c, err) || find_service(c, err)) return -1;
  return compose_service(c, s, err);
}

int compose_settings(struct settings *s, struct error *err) {
  const char *text = s->source.text + strlen("file:"), *hash = strrchr(text, '#');
  CLEANUP_FREE char *path = xstrndup(text, (size_t)(hash - text));
  struct compose c = {.service = hash + 1, .notes = &s->notes};
  struct strv files = {0};
  int rc = choose_files(path, &files, err);
  if (rc == 0) rc = resolve(&c, &files, s, err);
  if (rc) error_prefix(err, "%s failed", s->source.text);
  strv_done(&files);
  compose_done(&c);
  return rc;
}
