/* Kubeconfig files: which, merged how, read into what, and everything that is refused. */
#include "base/alloc.h"
#include "data/hash.h"
#include "data/json.h"
#include "descriptors.h"
#include "runtime/kube/kubeconfig.h"
#include "runtime/kubernetes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

struct world {
  char dir[64];
  struct endpoint ep;
  struct error err;
};

/* FILE below the world's folder; its path, valid until the next call but seven. */
static const char *make(struct world *w, const char *name, const char *text) {
  static char paths[8][256];
  static unsigned at;
  char *path = paths[at++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", w->dir, name);
  for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
    *p = '\0';
    mkdir(path, 0700);
    *p = '/';
  }
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
  return path;
}

static int setup(void **state) {
  static const char *const names[] = {"KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT",
                                      "POD_NAMESPACE"};
  struct world *w = calloc(1, sizeof *w);
  for (size_t i = 0; i < ARRAY_LEN(names); i++) unsetenv(names[i]);
  snprintf(w->dir, sizeof w->dir, "/tmp/run-once-unit-XXXXXX");
  if (!mkdtemp(w->dir)) return -1;
  setenv("HOME", w->dir, 1);
  *state = w;
  return 0;
}

static int teardown(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *command = xprintf("rm -r %s", w->dir);
  endpoint_done(&w->ep);
  int rc = system(command);
  free(w);
  return rc;
}

static int choose(struct world *w, const char *kubeconfig, const char *context, const char *namespace) {
  struct kubernetes_choice c = {kubeconfig, context, namespace};
  endpoint_done(&w->ep);
  error_clear(&w->err);
  return kubernetes_choose(&c, &w->ep, &w->err);
}

static const char *of(const struct world *w, const char *path) {
  const char *s = json_str(w->ep.context, path);
  return s ? s : "(none)";
}

static void refused(struct world *w, const char *kubeconfig, const char *context, const char *words) {
  assert_int_equal(choose(w, kubeconfig, context, NULL), -1);
  assert_int_equal(w->err.kind, ERR_CONFIG);
  if (!strstr(w->err.text, words)) fail_msg("'%s' is not in '%s'", words, w->err.text);
}

#define ONE(cluster, user)                                                                                   \
  "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {cluster: k, user: "   \
  "u, "                                                                                                      \
  "namespace: shop}\nclusters:\n- name: k\n  cluster: {" cluster "}\nusers:\n- name: u\n  user: {" user      \
  "}\n"
#define HERE "server: \"https://k.example:6443\""

/* One kubeconfig with that cluster and user is refused, naming file and line. */
#define REFUSED(cluster, user, words)                                                                        \
  do {                                                                                                       \
    const char *path_ = make(w, "bad", ONE(cluster, user));                                                  \
    refused(w, path_, NULL, words);                                                                          \
    CLEANUP_FREE char *place_ = xprintf("%s:", path_);                                                       \
    assert_int_equal(strncmp(w->err.text, place_, strlen(place_)), 0);                                       \
    assert_true(w->err.text[strlen(place_)] >= '1' && w->err.text[strlen(place_)] <= '9');                   \
  } while (0)

static void a_plain_one(void **state) {
  struct world *w = *state;
  const char *path = make(w, "config", ONE("server: \"https://k.example:6443/k8s/c-1/\"", "token: sesame"));
  assert_int_equal(choose(w, path, NULL, NULL), 0);
  assert_int_equal(w->ep.scheme, ENDPOINT_TCP);
  assert_string_equal(w->ep.text, "https://k.example:6443/k8s/c-1");
  assert_string_equal(w->ep.host, "k.example");
  assert_int_equal(w->ep.port, 6443);
  assert_string_equal(w->ep.base_path, "/k8s/c-1");
  assert_true(w->ep.tls && w->ep.verify);
  assert_null(w->ep.server_name);
  assert_null(w->ep.proxy);
  assert_string_equal(of(w, "namespace"), "shop");
  assert_string_equal(of(w, "name"), "c");
  assert_string_equal(of(w, "cluster"), "k");
  assert_string_equal(of(w, "user"), "u");
  assert_string_equal(of(w, "token"), "sesame");
  CLEANUP_FREE char *why = xprintf("context c (%s)", path);
  assert_string_equal(w->ep.why, why);
  assert_int_equal(choose(w, path, NULL, "other"), 0);
  assert_string_equal(of(w, "namespace"), "other");
}

static void json_is_yaml_too(void **state) {
  struct world *w = *state;
  const char *path =
      make(w, "config.json",
           "{\"kind\":\"Config\",\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\",\"context\":{"
           "\"cluster\":\"k\"}}],\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"http://[::1]\"}}]}");
  assert_int_equal(choose(w, path, NULL, NULL), 0);
  assert_string_equal(w->ep.host, "::1");
  assert_int_equal(w->ep.port, 80);
  assert_false(w->ep.tls);
  assert_string_equal(of(w, "namespace"), "default");
  assert_string_equal(of(w, "user"), "(none)");
}

/* kubectl's rules: the first file with an entry has it, whole; the first current-context counts. */
static void lists_are_merged_as_kubectl_merges_them(void **state) {
  struct world *w = *state;
  const char *a = make(w, "a",
                       "current-context: \"\"\nclusters:\n- name: k\n  cluster: {server: \"https://first\"}\n"
                       "users:\n- name: u\n  user: {}\n");
  const char *b =
      make(w, "b",
           "current-context: x\ncontexts:\n- name: x\n  context: {cluster: k, user: u}\n"
           "clusters:\n- name: k\n  cluster: {server: \"https://second\", proxy-url: \"http://p\"}\n"
           "- name: only\n  cluster: {server: \"https://only\"}\n"
           "users:\n- name: u\n  user: {token: second}\n");
  const char *c = make(w, "c",
                       "current-context: y\ncontexts:\n- name: y\n  context: {cluster: only}\n"
                       "- name: x\n  context: {cluster: only, namespace: no}\n");
  CLEANUP_FREE char *list = xprintf("::%s/absent:%s:%s:%s:%s:", w->dir, a, b, a, c);
  setenv("KUBECONFIG", list, 1);
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(w->ep.host, "first");
  assert_null(w->ep.proxy); /* no field of the second */
  assert_string_equal(of(w, "token"), "(none)");
  assert_string_equal(of(w, "name"), "x");
  assert_string_equal(of(w, "namespace"), "default");
  assert_int_equal(choose(w, NULL, "y", NULL), 0);
  assert_string_equal(w->ep.host, "only");
  assert_int_equal(choose(w, b, NULL, NULL), 0); /* --kubeconfig: alone */
  assert_string_equal(w->ep.host, "second");
  refused(w, NULL, "z", "context 'z' is not there (x, y)");
}

static void which_file(void **state) {
  struct world *w = *state;
  refused(w, NULL, NULL, "no cluster: there is no kubeconfig (KUBECONFIG, ~/.kube/config)");
  refused(w, NULL, "prod", "context 'prod': there is no kubeconfig");
  make(w, ".kube/config", ONE("server: \"https://home\"", ""));
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(w->ep.host, "home");
  setenv("KUBECONFIG", "::", 1); /* empty: as if unset */
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  setenv("KUBECONFIG", "/nix/a:/nix/b", 1); /* named, and not there: nothing falls back */
  refused(w, NULL, NULL, "KUBECONFIG: none of its files is there: /nix/a:/nix/b");
  refused(w, "/nix/c", NULL, "--kubeconfig: /nix/c: No such file or directory");
  CLEANUP_FREE char *folder = xprintf("%s/.kube", w->dir);
  setenv("KUBECONFIG", folder, 1);
  refused(w, NULL, NULL, "/.kube: ");
}

/* Paths are those of the file that the entry stands in, whatever the working folder. */
static void paths_are_relative_to_their_own_file(void **state) {
  struct world *w = *state;
  make(w, "one/pki/ca.crt", PEM);
  make(w, "two/me.crt", PEM);
  make(w, "two/me.key", PEM);
  make(w, "two/token", "t");
  const char *a =
      make(w, "one/config",
           "current-context: x\ncontexts:\n- name: x\n  context: {cluster: k, user: u}\n"
           "clusters:\n- name: k\n  cluster: {server: \"https://k\", certificate-authority: pki/ca.crt}\n");
  const char *b =
      make(w, "two/config",
           "users:\n- name: u\n  user:\n    client-certificate: me.crt\n    client-key: ./me.key\n"
           "    tokenFile: token\n    exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: "
           "bin/login}\n");
  CLEANUP_FREE char *list = xprintf("%s:%s", a, b), *ca = xprintf("%s/one/pki/ca.crt", w->dir),
                    *key = xprintf("%s/two/./me.key", w->dir), *token = xprintf("%s/two/token", w->dir),
                    *command = xprintf("%s/two/bin/login", w->dir);
  setenv("KUBECONFIG", list, 1);
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(w->ep.ca, ca);
  assert_string_equal(w->ep.key, key);
  assert_string_equal(of(w, "token_file"), token);
  assert_string_equal(of(w, "exec.command"), command);
  CLEANUP_FREE char *cwd =
      getcwd(NULL, 0); /* a relative --kubeconfig: absolute all the same, for the guardian */
  assert_int_equal(chdir(w->dir), 0);
  unsetenv("KUBECONFIG");
  int rc = choose(w, "one/config", NULL, NULL);
  assert_int_equal(chdir(cwd), 0);
  assert_int_equal(rc, -1); /* user u stands in the other file */
  assert_non_null(strstr(w->err.text, "context 'x': user 'u' is not in one/config"));
  make(w, "one/config2", ONE("server: \"https://k\", certificate-authority: pki/ca.crt", ""));
  assert_int_equal(chdir(w->dir), 0);
  rc = choose(w, "one/config2", NULL, NULL);
  assert_int_equal(chdir(cwd), 0);
  assert_int_equal(rc, 0);
  assert_string_equal(w->ep.ca, ca);
}

static void data_in_place_of_files(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *pem = base64_encode(PEM, strlen(PEM));
  CLEANUP_FREE char *text = xprintf(
      "current-context: c\ncontexts:\n- name: c\n  context: {cluster: k, user: u}\nclusters:\n- name: k\n"
      "  cluster: {server: \"https://k\", certificate-authority-data: %s, tls-server-name: other.example}\n"
      "users:\n- name: u\n  user:\n    client-certificate-data: %s\n    client-key-data: |\n      %.20s\n    "
      "  %s\n",
      pem, pem, pem, pem + 20);
  const char *path = make(w, "config", text);
  assert_int_equal(choose(w, path, NULL, NULL), 0);
  assert_string_equal(w->ep.ca_data, PEM);
  assert_string_equal(w->ep.cert_data, PEM);
  assert_string_equal(w->ep.key_data, PEM); /* line ends within base64 are Go's to skip */
  assert_null(w->ep.ca);
  assert_string_equal(w->ep.server_name, "other.example");
}

static void bad_clusters(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *pem = base64_encode(PEM, strlen(PEM));
  make(w, "ca", PEM);
  REFUSED("", "", "cluster 'k': it has no server");
  REFUSED("server: \"\"", "", "it has no server");
  REFUSED("server: [a]", "", "server must be a text, not a list");
  REFUSED("server: localhost:8080", "", "server must begin with https://");
  REFUSED("server: \"ftp://k\"", "", "server must begin with https://");
  REFUSED("server: \"https://me:secret@k\"", "", "server must not hold a user or password");
  assert_null(strstr(w->err.text, "secret"));
  REFUSED("server: \"https://k?x\"", "", "must not hold a query");
  REFUSED("server: \"https://k:0\"", "", "no valid port");
  REFUSED("server: \"https://k:99999\"", "", "no valid port");
  REFUSED("server: \"https://:6443\"", "", "names no host");
  REFUSED("server: \"https://::1:6443\"", "", "in brackets");
  REFUSED("server: \"https://[::1\"", "", "is no URL");
  REFUSED("server: \"https://a b\"", "", "host's name that is none");
  REFUSED("server: \"https://k\\r\\nX: y\"", "", "server holds control characters");
  REFUSED(HERE ", certificate-authority: nix", "", "/nix: No such file or directory");
  REFUSED(HERE ", certificate-authority-data: \"%%%\"", "", "certificate-authority-data is not base64");
  REFUSED(HERE ", certificate-authority-data: aGVsbG8=", "", "certificate-authority-data holds no PEM");
  CLEANUP_FREE char *both =
      xprintf(ONE(HERE ", certificate-authority: ca, certificate-authority-data: %s", ""), pem);
  refused(w, make(w, "both", both), NULL,
          "certificate-authority and certificate-authority-data are both given; one must go");
  REFUSED(HERE ", insecure-skip-tls-verify: true, certificate-authority: ca", "", "exclude each other");
  REFUSED(HERE ", insecure-skip-tls-verify: \"yes\"", "", "insecure-skip-tls-verify must be true or false");
  REFUSED(HERE ", proxy-url: \"ftp://p\"", "", "proxy-url must begin with");
  REFUSED(HERE ", tls-server-name: \"a/b\"", "", "tls-server-name is no host's name");
}

static void proxies_and_insecure(void **state) {
  struct world *w = *state;
  assert_int_equal(choose(w, make(w, "a", ONE(HERE ", proxy-url: \"socks5://u:p@p:1080\"", "")), NULL, NULL),
                   0);
  assert_string_equal(w->ep.proxy, "socks5h://u:p@p:1080"); /* Go lets the proxy look names up */
  assert_int_equal(choose(w, make(w, "a", ONE(HERE ", proxy-url: \"http://p:3128\"", "")), NULL, NULL), 0);
  assert_string_equal(w->ep.proxy, "http://p:3128");
  assert_int_equal(choose(w, make(w, "a", ONE(HERE ", insecure-skip-tls-verify: true", "")), NULL, NULL), 0);
  assert_true(w->ep.tls);
  assert_false(w->ep.verify);
  assert_int_equal(choose(w, make(w, "a", ONE(HERE ", insecure-skip-tls-verify: false", "")), NULL, NULL), 0);
  assert_true(w->ep.verify);
}

#define V1 "apiVersion: client.authentication.k8s.io/v1"
static void bad_users(void **state) {
  struct world *w = *state;
  make(w, "pem", PEM);
  REFUSED(HERE, "username: me, password: secret", "user 'u': username and password are not supported");
  assert_null(strstr(w->err.text, "secret"));
  REFUSED(HERE, "password: secret", "username and password are not supported");
  REFUSED(HERE, "auth-provider: {name: gcp}", "auth-provider 'gcp' is not supported");
  REFUSED(HERE, "client-certificate: pem", "client-certificate without client-key");
  REFUSED(HERE, "client-key: pem", "client-key without client-certificate");
  REFUSED(HERE, "token: \"a b\"", "token holds white space");
  REFUSED(HERE, "token: \"a\\nb\"", "token holds control characters");
  assert_null(strstr(w->err.text, "a\nb"));
  REFUSED(HERE, "token: {a: b}", "token must be a text, not a map");
  REFUSED(HERE, "tokenFile: nix", "/nix: No such file or directory");
  REFUSED(HERE, "exec: yes", "exec must be a map");
  REFUSED(HERE, "exec: {" V1 "}", "exec names no command");
  REFUSED(HERE, "exec: {command: x}", "apiVersion is missing");
  REFUSED(HERE, "exec: {command: x, apiVersion: client.authentication.k8s.io/v1alpha1}", "v1alpha1; client");
  REFUSED(HERE, "exec: {command: x, " V1 "}", "interactiveMode is required");
  REFUSED(HERE, "exec: {command: x, " V1 ", interactiveMode: Always}", "asks on the terminal");
  REFUSED(HERE, "exec: {command: x, " V1 ", interactiveMode: Perhaps}", "interactiveMode is 'Perhaps'");
  REFUSED(HERE, "exec: {command: x, " V1 ", interactiveMode: Never, args: a}", "args must be a list");
  REFUSED(HERE, "exec: {command: x, " V1 ", interactiveMode: Never, args: [{a: b}]}", "args holds a map");
  REFUSED(HERE, "exec: {command: x, " V1 ", interactiveMode: Never, env: [{value: b}]}",
          "a row of env has no name");
  REFUSED(HERE, "exec: {command: x, " V1 ", interactiveMode: Never, env: [{name: a, value: [b]}]}",
          "the value of a is a list");
  REFUSED(HERE, "as-groups: [a]", "need as: a user");
  REFUSED(HERE, "as: a, as-groups: b", "as-groups must be a list of names");
  REFUSED(HERE, "as: a, as-groups: [\"b\\r\\nX: y\"]", "as-groups must be a list of names");
  REFUSED(HERE, "as: a, as-user-extra: [a]", "as-user-extra must be a map of lists");
  REFUSED(HERE, "as: a, as-user-extra: {k: v}", "as-user-extra must be a map of lists");
}

static void a_plugin_as_it_is_kept(void **state) {
  struct world *w = *state;
  setenv("RUN_ONCE_UNIT_PROFILE", "blue", 1);
  const char *path = make(w, "config",
                          ONE(HERE ", extensions: [{name: other, extension: 1}, {name: "
                                   "client.authentication.k8s.io/exec, extension: {audience: "
                                   "a, n: 7, f: 1.5, on: true, none: null, list: [x]}}]",
                              "exec: {command: login, " V1
                              ", interactiveMode: IfAvailable, args: [get, \"\", 7], env: [{name: A, value: "
                              "b}, {name: E}], provideClusterInfo: true, installHint: \"get it there\"}, as: "
                              "boss, as-uid: \"7\", "
                              "as-groups: [g, h], as-user-extra: {Scopes: [x]}"));
  assert_int_equal(choose(w, path, NULL, NULL), 0);
  assert_string_equal(of(w, "exec.command"), "login"); /* without a '/': from PATH */
  assert_string_equal(of(w, "exec.installHint"), "get it there");
  assert_true(json_is(w->ep.context, "exec.provideClusterInfo"));
  CLEANUP_FREE char *args = json_canonical(json_at(w->ep.context, "exec.args")),
                    *env = json_canonical(json_at(w->ep.context, "exec.env")),
                    *config = json_canonical(json_at(w->ep.context, "exec.cluster_config")),
                    *as = json_canonical(json_at(w->ep.context, "impersonate"));
  assert_string_equal(args, "[\"get\",\"\",\"7\"]");
  assert_string_equal(env, "[{\"name\":\"A\",\"value\":\"b\"},{\"name\":\"E\",\"value\":\"\"}]");
  assert_string_equal(config,
                      "{\"audience\":\"a\",\"f\":1.5,\"list\":[\"x\"],\"n\":7,\"none\":null,\"on\":true}");
  assert_string_equal(
      as, "{\"extra\":{\"Scopes\":[\"x\"]},\"groups\":[\"g\",\"h\"],\"uid\":\"7\",\"user\":\"boss\"}");
  bool kept = false; /* the caller's environment goes along: a guardian has none */
  size_t i;
  json_t *row;
  json_array_foreach(json_at(w->ep.context, "exec.environ"), i, row) {
    kept |= !strcmp(json_string_value(row), "RUN_ONCE_UNIT_PROFILE=blue");
  }
  assert_true(kept);
}

static void bad_files(void **state) {
  struct world *w = *state;
  refused(w, make(w, "x", ""), NULL, "there is no context in it");
  refused(w, make(w, "x", "contexts: []\n"), NULL, "there is no context in it");
  refused(w, make(w, "x", "- a\n"), NULL, "this is no kubeconfig (kind: none)");
  refused(w, make(w, "x", "kind: Pod\n"), NULL, "this is no kubeconfig (kind: Pod)");
  refused(w, make(w, "x", "a: [\n"), NULL, "/x:");
  refused(w, make(w, "x", "a: &a [*a]\n"), NULL, "/x:");
  refused(w, make(w, "x", "contexts: 7\n"), NULL, "/x:1: contexts must be a list, not a number");
  refused(w, make(w, "x", "users:\n- token: a\n"), NULL, "/x:2: an entry of users has no name");
  refused(w, make(w, "x", "users:\n- just text\n"), NULL, "/x:2: an entry of users has no name");
  refused(w, make(w, "x", "users:\n- name: u\n  user: text\n"), NULL, "/x:3: user 'u' must be a map");
  refused(w, make(w, "x", "users:\n- name: u\n- name: v\n- name: u\n"), NULL,
          "/x:4: user 'u' stands here twice (line 2, too)");
  refused(w, make(w, "x", "current-context: {a: b}\n"), NULL,
          "/x:1: current-context must be a name, not a map");
  refused(w, make(w, "x", "contexts:\n- name: a\n- name: b\n"), NULL,
          "no current-context is set; choose one with --context (a, b)");
  refused(w, make(w, "x", "current-context: c\ncontexts:\n- name: a\n"), NULL,
          "context 'c', the current-context of ");
  refused(w, make(w, "x", "current-context: a\ncontexts:\n- name: a\n"), NULL,
          "/x:3: context 'a': it names no cluster");
  refused(w, make(w, "x", "current-context: a\ncontexts:\n- name: a\n  context: {cluster: k}\n"), NULL,
          "/x:4: context 'a': cluster 'k' is not in ");
  const char *good = make(w, "x", ONE(HERE, ""));
  assert_int_equal(choose(w, good, NULL, "Shop"), -1);
  assert_non_null(strstr(w->err.text, "namespace 'Shop' is no name"));
  assert_int_equal(choose(w, good, NULL, "../kube-system"), -1);
  assert_int_equal(choose(w, good, NULL, ""), -1);
}

/* Each prefix of a good file is read or refused, never more. */
static void cut_anywhere(void **state) {
  struct world *w = *state;
  CLEANUP_FREE char *whole =
      xstrdup(ONE(HERE ", extensions: [{name: a, extension: {b: c}}]",
                  "exec: {command: x, " V1 ", interactiveMode: Never, args: [a], env: []}, as: b"));
  for (size_t n = strlen(whole); n-- > 0;) {
    whole[n] = '\0';
    if (choose(w, make(w, "cut", whole), NULL, NULL) < 0) assert_true(*w->err.text);
  }
}

static void in_a_pod(void **state) {
  struct world *w = *state;
  const char *before = service_account_folder;
  CLEANUP_FREE char *folder = xprintf("%s/sa", w->dir), *token = xprintf("%s/sa/token", w->dir),
                    *ca = xprintf("%s/sa/ca.crt", w->dir);
  service_account_folder = folder;
  setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  refused(w, NULL, NULL, "this is no pod with a service account"); /* no token */
  make(w, "sa/token", "abc\n");
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(w->ep.text, "https://[fd00::1]:443");
  assert_string_equal(w->ep.why, "service account of this pod");
  assert_string_equal(of(w, "token_file"), token);
  assert_string_equal(of(w, "namespace"), "default");
  assert_null(w->ep.ca);
  make(w, "sa/ca.crt", PEM);
  make(w, "sa/namespace", "shop\n");
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(w->ep.ca, ca);
  assert_string_equal(of(w, "namespace"), "shop");
  setenv("POD_NAMESPACE", "mine", 1);
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(of(w, "namespace"), "mine");
  refused(w, NULL, "prod", "context 'prod': there is no kubeconfig"); /* asked for: no other will do */
  make(w, ".kube/config", ONE("server: \"https://home\"", ""));
  assert_int_equal(choose(w, NULL, NULL, NULL), 0);
  assert_string_equal(w->ep.host, "home"); /* a kubeconfig goes before */
  service_account_folder = before;
}

#define KUBECONFIG_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void) {
  const struct CMUnitTest tests[] = {
      KUBECONFIG_TEST(a_plain_one),
      KUBECONFIG_TEST(json_is_yaml_too),
      KUBECONFIG_TEST(lists_are_merged_as_kubectl_merges_them),
      KUBECONFIG_TEST(which_file),
      KUBECONFIG_TEST(paths_are_relative_to_their_own_file),
      KUBECONFIG_TEST(data_in_place_of_files),
      KUBECONFIG_TEST(bad_clusters),
      KUBECONFIG_TEST(proxies_and_insecure),
      KUBECONFIG_TEST(bad_users),
      KUBECONFIG_TEST(a_plugin_as_it_is_kept),
      KUBECONFIG_TEST(bad_files),
      KUBECONFIG_TEST(cut_anywhere),
      KUBECONFIG_TEST(in_a_pod),
  };
  return RUN_TESTS(tests);
}
