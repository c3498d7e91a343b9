/* The tunnel with scripts in the place of ssh: what is said of its faults, and that nothing of it stays. That
 * it carries an engine is shown with a real one (tests/e2e/ssh.bats). */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "false_program.h"
#include "net/ssh.h"
#include "net/ssh_words.h"
#include "net/tunnel_folder.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t folders_left(void) {
  DIR *dir = opendir(top);
  size_t n = 0;
  for (struct dirent *e; (e = readdir(dir));) n += !strncmp(e->d_name, "run-once-", 9);
  closedir(dir);
  return n;
}

static void parse(const char *text, struct endpoint *ret) {
  assert_int_equal(endpoint_parse(text, "test", ret, NULL), 0);
}

static void faults_in_words(void **state) {
  static const struct {
    const char *log, *text;
    int status;
    enum error_kind kind;
  } cases[] = {
      {"Host key verification failed.\r\n",
       "Host key verification failed; compare and accept its key once by 'ssh -p 2222 me@host'", 255 << 8,
       ERR_PERMISSION},
      {"@@@@\r\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nmany\r\nwords\r\nHost key "
       "verification "
       "failed.\r\n",
       "the host's key is not the one that is known; find out why before you trust it (ssh-keygen -R removes "
       "the "
       "old key)",
       255 << 8, ERR_PERMISSION},
      {"Welcome!\nme@host: Permission denied (publickey).\n",
       "me@host: Permission denied (publickey); ssh cannot ask for a password here: 'ssh -p 2222 me@host "
       "true' "
       "must work without one (a key, ssh-add, ~/.ssh/config)",
       255 << 8, ERR_PERMISSION},
      {"ssh: Could not resolve hostname host: Name or service not known\n",
       "Could not resolve hostname host: Name or service not known", 255 << 8, ERR_UNREACHABLE},
      {"first\nlast of all\n\n", "last of all", 255 << 8, ERR_UNREACHABLE},
      {"", "ended with status 3 without a word", 3 << 8, ERR_UNREACHABLE},
      {"", "was ended by signal 9", 9, ERR_UNREACHABLE},
      {"", "does not come through", -1, ERR_UNREACHABLE},
  };
  struct endpoint ep;
  (void)state;
  parse("ssh://me@host:2222", &ep);
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct error err = ERROR_INIT;
    CLEANUP_FREE char *text = xprintf("cannot reach the engine at ssh://me@host:2222: ssh%s %s",
                                      *cases[i].log ? ":" : "", cases[i].text);
    assert_int_equal(ssh_fault(&ep, cases[i].log, cases[i].status, &err), -1);
    assert_string_equal(err.text, text);
    assert_int_equal(err.kind, cases[i].kind);
  }
  endpoint_done(&ep);
}

/* Its words, whole, into `said`. */
static void fails(const char *body, struct error *err) {
  struct loop *loop = loop_new();
  struct endpoint ep;
  false_program("ssh", body);
  parse("ssh://me@host:2222/run/x.sock", &ep);
  struct ssh_tunnel *t = ssh_tunnel_new(loop, &ep);
  assert_int_equal(ssh_tunnel_ready(t, err), -1);
  ssh_tunnel_free(t);
  endpoint_done(&ep);
  loop_free(loop);
  assert_int_equal(folders_left(), 0);
}

static void what_ssh_is_called_with(void **state) {
  struct error err = ERROR_INIT;
  (void)state;
  fails("echo \"$@\" >&2; exit 255", &err);
  assert_non_null(strstr(err.text, " -l me -p 2222 -N "));
  assert_non_null(strstr(err.text, "-oExitOnForwardFailure=yes -L "));
  assert_non_null(strstr(err.text, "/s:/run/x.sock -- host"));
}

static void it_gets_nothing_of_ours(void **state) {
  struct error err = ERROR_INIT;
  int fds[2];
  (void)state;
  assert_int_equal(pipe(fds), 0); /* not CLOEXEC, as a caller's may be */
  assert_int_equal(dup2(fds[0], 200), 200);
  /* From 10 on the shell has some of its own. */
  fails("ls /proc/$$/fd >$0.fds; read -r x; n=$(grep -xcE '[3-9]|200' $0.fds)\n"
        "echo \"others $n, input '$x', session $(ps -o sid= -p $$ | tr -d ' ') is $$\" >&2; exit 1",
        &err);
  close(fds[0]), close(fds[1]), close(200);
  char *at = strstr(err.text, "others 0, input '', session ");
  if (!at) fail_msg("%s", err.text);
  long sid = 0, pid = 1;
  assert_int_equal(sscanf(at + 28, "%ld is %ld", &sid, &pid), 2);
  assert_int_equal(sid, pid);
}

static void one_that_is_not_there(void **state) {
  struct error err = ERROR_INIT;
  CLEANUP_FREE char *path = xstrdup(getenv("PATH"));
  CLEANUP_FREE char *ssh = xprintf("%s/bin/ssh", top);
  struct loop *loop = loop_new();
  struct endpoint ep;
  (void)state;
  unlink(ssh);
  setenv("PATH", top, 1);
  parse("ssh://host", &ep);
  struct ssh_tunnel *t = ssh_tunnel_new(loop, &ep);
  assert_int_equal(ssh_tunnel_ready(t, &err), -1);
  assert_string_equal(err.text, "starting ssh failed: it is not in the PATH; install it (openssh-client)");
  ssh_tunnel_free(t);
  setenv("PATH", path, 1);
  endpoint_done(&ep);
  loop_free(loop);
}

static enum error_kind interrupt(void *data, struct error *err) {
  if (++*(int *)data < 3) return ERR_NONE;
  error_set(err, ERR_CANCELLED, "enough");
  return ERR_CANCELLED;
}

static void an_interrupt_ends_it(void **state) {
  struct loop *loop = loop_new();
  struct endpoint ep;
  struct error err = ERROR_INIT;
  int asked = 0;
  (void)state;
  false_program("ssh", "exec sleep 60");
  parse("ssh://host", &ep);
  loop_set_interrupt(loop, (struct interrupt){interrupt, &asked});
  struct ssh_tunnel *t = ssh_tunnel_new(loop, &ep);
  assert_int_equal(ssh_tunnel_ready(t, &err), -1);
  assert_int_equal(err.kind, ERR_CANCELLED);
  ssh_tunnel_free(t);
  endpoint_done(&ep);
  loop_free(loop);
  assert_int_equal(folders_left(), 0);
}

static void folders_of_the_dead_are_swept(void **state) {
  struct tunnel_folder a, b;
  struct error err = ERROR_INIT;
  struct stat st;
  (void)state;
  assert_int_equal(tunnel_folder_make(&a, "ssh", &err), 0);
  assert_int_equal(stat(a.path, &st), 0);
  assert_int_equal(st.st_mode & 07777, 0700);
  int log = dup(a.log);
  fd_close(&a.log); /* its owner is gone, but an ssh lives */
  assert_int_equal(tunnel_folder_make(&b, "ssh", &err), 0);
  assert_int_equal(folders_left(), 2);
  tunnel_folder_remove(&b);
  assert_int_equal(folders_left(), 1);
  fd_close(&log);
  assert_int_equal(tunnel_folder_make(&b, "ssh", &err), 0);
  assert_int_equal(folders_left(), 1);
  tunnel_folder_remove(&b);
  tunnel_folder_remove(&a); /* no harm */
  assert_int_equal(folders_left(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(faults_in_words),         cmocka_unit_test(what_ssh_is_called_with),
      cmocka_unit_test(it_gets_nothing_of_ours), cmocka_unit_test(one_that_is_not_there),
      cmocka_unit_test(an_interrupt_ends_it),    cmocka_unit_test(folders_of_the_dead_are_swept),
  };
  return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
