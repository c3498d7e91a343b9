/* What Podman says and what it means: pure, with the words that 4.3 and 5.4 answered. */
#include "data/json.h"
#include "runtime/docker/ops.h"
#include "runtime/docker/podman.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct error said(long status, const char *text) {
  struct error err = ERROR_INIT;
  error_set(&err, ERR_ENGINE, "%s", text);
  err.http_status = status;
  podman_fault(&err);
  return err;
}

static void words_mean_what_dockers_status_would(void **state) {
  (void)state;
  struct error err =
      said(500, "create failed: creating container storage: the container name \"x\" is already in use "
                "by 12. You have to remove that container to be able to reuse that name: that name is "
                "already in use");
  assert_int_equal(err.kind, ERR_CONFLICT);
  assert_int_equal(err.http_status, 409);
  err = said(500, "can only kill running containers. 12 is in state exited: container state improper");
  assert_int_equal(err.kind, ERR_CONFLICT);
  err = said(500, "volume with name v already exists: volume already exists");
  assert_int_equal(err.kind, ERR_CONFLICT);
  err = said(500, "something new");
  assert_int_equal(err.kind, ERR_ENGINE);
  assert_int_equal(err.http_status, 500);
}

static void only_the_command_is_not_found(void **state) {
  (void)state;
  struct error err =
      said(409, "attach failed: preparing container 12 for attach: runc create failed: unable to start "
                "container process: exec: \"nosuch\": executable file not found in $PATH: OCI runtime "
                "attempted to invoke a command that was not found");
  assert_int_equal(err.kind, ERR_NOT_FOUND);
  err = said(
      500,
      "crun: executable file `nosuch` not found in $PATH: No such file or directory: OCI runtime attempted "
      "to invoke a command that was not found");
  assert_int_equal(err.kind, ERR_NOT_FOUND);
  err = said(500, "runc create failed: exec: \"/bin/x\": permission denied: OCI permission denied");
  assert_int_equal(err.kind, ERR_NOT_EXECUTABLE);
  /* A working folder that is not there. */
  err =
      said(500, "runc create failed: chdir to cwd (\"/nowhere\") set in config.json failed: no such file or "
                "directory: OCI runtime attempted to invoke a command that was not found");
  assert_int_equal(err.kind, ERR_ENGINE);
}

static void logs(void **state) {
  (void)state;
  json_t *c = podman_log_config(NULL, 1000);
  assert_string_equal(json_str(c, "Type"), "k8s-file");
  assert_string_equal(json_string_value(json_object_get(json_at(c, "Config"), "max-size")), "1000");
  json_decref(c);
  c = podman_log_config("journald", 1000);
  assert_string_equal(json_str(c, "Type"), "journald");
  assert_int_equal(json_object_size(json_at(c, "Config")), 0);
  json_decref(c);
}

static void requests(void **state) {
  (void)state;
  struct error err = ERROR_INIT;
  json_t *r = json_pack("{s:{s:{s:s}}}", "HostConfig", "LogConfig", "Type", "k8s-file");
  assert_int_equal(podman_adjust(r, &err), 0);
  assert_int_equal(json_int_or(r, "StopTimeout", -1), 10);
  json_object_set_new(r, "StopTimeout", json_integer(3));
  assert_int_equal(podman_adjust(r, &err), 0);
  assert_int_equal(json_int_or(r, "StopTimeout", -1), 3);
  json_decref(r);
  r = json_pack("{s:{s:{s:s}}}", "HostConfig", "LogConfig", "Type", "local");
  assert_int_equal(podman_adjust(r, &err), -1);
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_non_null(strstr(err.text, "--log-driver local failed: Podman does not have it; k8s-file"));
  json_decref(r);
  r = json_pack("{s:{s:[s]}}", "HostConfig", "Links", "db:db");
  assert_int_equal(podman_adjust(r, &err), -1);
  assert_non_null(strstr(err.text, "links failed"));
  json_decref(r);
}

/* As 5.4 tells of one that had ended with 3, after somebody attached to it; and of one that never ran. */
static void prepared_anew_has_ended(void **state) {
  (void)state;
  struct container_state st;
  json_t *c = json_pack("{s:{s:s,s:i,s:s,s:s}}", "State", "Status", "created", "ExitCode", 0, "StartedAt",
                        "2026-11-29T23:19:13.10049575Z", "FinishedAt", "2026-11-29T23:19:13.111330564Z");
  docker_read_state(c, &st);
  assert_int_equal(st.status, STATE_EXITED);
  assert_int_equal(st.exit_code, -1);
  json_decref(c);
  c = json_pack("{s:{s:s,s:i,s:s,s:s}}", "State", "Status", "initialized", "ExitCode", 0, "StartedAt",
                "0001-01-01T00:00:00Z", "FinishedAt", "0001-01-01T00:00:00Z");
  docker_read_state(c, &st);
  assert_int_equal(st.status, STATE_CREATED);
  json_decref(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_mean_what_dockers_status_would),
      cmocka_unit_test(only_the_command_is_not_found),
      cmocka_unit_test(logs),
      cmocka_unit_test(requests),
      cmocka_unit_test(prepared_anew_has_ended),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
