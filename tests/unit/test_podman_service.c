/* `podman system service` with scripts in the place of podman: how it is called, what is said of its faults,
 * that one which was killed is started again, and that nothing of it stays. That it carries an engine is
 * shown with a real one (tests/e2e/podman.bats). */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fd.h"
#include "false_program.h"
#include "net/podman_service.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One that listens, and writes its pid to TOP/pid. */
static void fake_listening(void) {
  CLEANUP_FREE char *body =
      xprintf("for socket; do :; done\nexec python3 -c 'import os, socket, sys, time\n"
              "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1][7:]); open(sys.argv[2], "
              "\"w\").write(str(os.getpid()))\n"
              "s.listen(9); time.sleep(60)' \"$socket\" %s/pid",
              top);
  false_program("podman", body);
}

static pid_t pid_of_it(void) {
  CLEANUP_FREE char *path = xprintf("%s/pid", top);
  int pid = 0;
  FILE *f = fopen(path, "r");
  if (f && fscanf(f, "%d", &pid) != 1) pid = 0;
  if (f) fclose(f);
  return pid;
}

static size_t folders_left(void) {
  DIR *dir = opendir(top);
  size_t n = 0;
  for (struct dirent *e; (e = readdir(dir));) n += !strncmp(e->d_name, "run-once-", 9);
  closedir(dir);
  return n;
}

static struct podman_service *service(struct loop *loop) {
  struct endpoint ep;
  assert_int_equal(endpoint_parse("unix:///run/podman/podman.sock", "test", &ep, NULL), 0);
  struct podman_service *s = podman_service_new(loop, &ep);
  endpoint_done(&ep);
  return s;
}

static void fails(const char *body, const char *words) {
  struct loop *loop = loop_new();
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *text =
      xprintf("cannot reach the engine at unix:///run/podman/podman.sock: no such socket, and starting "
              "'podman system service' failed: %s; 'podman info' must work here",
              words);
  false_program("podman", body);
  struct podman_service *s = service(loop);
  assert_int_equal(podman_service_ready(s, &err), -1);
  assert_string_equal(err.text, text);
  assert_int_equal(err.kind, ERR_UNREACHABLE);
  podman_service_free(s);
  loop_free(loop);
  assert_int_equal(folders_left(), 0);
}

static void faults(void **state) {
  (void)state;
  fails("exit 125", "it ended with status 125");
  fails("kill -9 $$", "it was ended by signal 9");
  fails("echo 'time=\"2026-01-02T03:04:05Z\" level=warning msg=\"not a shared mount\"' >&2\n"
        "echo 'Error: command required for rootless mode with multiple IDs: exec: \"newuidmap\": executable "
        "file "
        "not found in $PATH' >&2\nexit 125",
        "command required for rootless mode with multiple IDs: exec: \"newuidmap\": executable file not "
        "found in "
        "$PATH");
  /* In the words of our fault, no line of its log. */
  fails("echo 'time=\"x\" level=error msg=\"mkdir \\\"/run/user/7\\\": permission denied\"' >&2; exit 1",
        "mkdir \"/run/user/7\": permission denied");
}

static void what_it_is_called_with(void **state) {
  struct loop *loop = loop_new();
  struct error err = ERROR_INIT;
  (void)state;
  false_program("podman", "echo \"$@\" >&2; exit 1");
  struct podman_service *s = service(loop);
  assert_int_equal(podman_service_ready(s, &err), -1);
  assert_non_null(strstr(err.text, "failed: system service --time=60 unix:///"));
  assert_non_null(strstr(err.text, "/run-once-podman."));
  podman_service_free(s);
  loop_free(loop);
}

static bool gone(pid_t pid) {
  static const struct timespec nap = {0, 10000000};
  for (int i = 0; i < 300 && !kill(pid, 0); i++) nanosleep(&nap, NULL);
  return kill(pid, 0) != 0;
}

static void killed_it_is_started_again_and_nothing_stays(void **state) {
  struct loop *loop = loop_new();
  struct error err = ERROR_INIT;
  (void)state;
  fake_listening();
  struct podman_service *s = service(loop);
  if (podman_service_ready(s, &err)) fail_msg("%s", err.text);
  pid_t first = pid_of_it();
  assert_true(first > 0);
  assert_int_equal(podman_service_ready(s, &err), 0);
  assert_int_equal(pid_of_it(), first); /* it lives: nothing is started */
  CLEANUP_FREE char *socket = xstrdup(podman_service_socket(s));
  kill(first, SIGKILL);
  struct timespec nap = {0, 200000000};
  nanosleep(&nap, NULL);
  if (podman_service_ready(s, &err)) fail_msg("%s", err.text);
  pid_t second = pid_of_it();
  assert_int_not_equal(second, first);
  assert_string_equal(podman_service_socket(s), socket);
  podman_service_free(s);
  assert_true(gone(second));
  assert_int_equal(folders_left(), 0);
  loop_free(loop);
}

static void one_behind_another_ends_too(void **state) {
  struct loop *loop = loop_new();
  struct error err = ERROR_INIT;
  (void)state;
  /* As rootless Podman does: the one that listens is a child, and here its parent passes no signal on. */
  fake_listening();
  CLEANUP_FREE char *from = xprintf("%s/bin/podman", top), *to = xprintf("%s/bin/inner", top);
  assert_int_equal(rename(from, to), 0);
  false_program("podman", "trap : TERM\ninner \"$@\" &\nwhile kill -0 $!; do wait $!; done");
  struct podman_service *s = service(loop);
  if (podman_service_ready(s, &err)) fail_msg("%s", err.text);
  pid_t inner = pid_of_it();
  podman_service_free(s);
  assert_true(gone(inner));
  assert_int_equal(folders_left(), 0);
  loop_free(loop);
}

static enum error_kind at_once(void *data, struct error *err) {
  (void)data;
  error_set(err, ERR_CANCELLED, "interrupted");
  return ERR_CANCELLED;
}

static void an_interrupt_ends_it(void **state) {
  struct loop *loop = loop_new();
  struct error err = ERROR_INIT;
  (void)state;
  false_program("podman", "exec sleep 60");
  struct podman_service *s = service(loop);
  loop_set_interrupt(loop, (struct interrupt){at_once, NULL});
  int64_t from = clock_ms();
  assert_int_equal(podman_service_ready(s, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  assert_true(clock_ms() - from < 5000);
  podman_service_free(s);
  loop_free(loop);
  assert_int_equal(folders_left(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(faults),
      cmocka_unit_test(what_it_is_called_with),
      cmocka_unit_test(killed_it_is_started_again_and_nothing_stays),
      cmocka_unit_test(one_behind_another_ends_too),
      cmocka_unit_test(an_interrupt_ends_it),
  };
  return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
