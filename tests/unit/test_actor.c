#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/alloc.h"
#include "job/job.h"
#include <cmocka.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const variables[] = {"SUDO_USER",
                                        "GITHUB_ACTOR",
                                        "GITLAB_USER_LOGIN",
                                        "BUILD_USER_ID",
                                        "CIRCLE_USERNAME",
                                        "BUILDKITE_BUILD_CREATOR",
                                        "BUILD_REQUESTEDFOR",
                                        "TEAMCITY_BUILD_TRIGGEREDBY_USERNAME",
                                        "CI_COMMIT_AUTHOR",
                                        "DRONE_COMMIT_AUTHOR",
                                        "BITBUCKET_STEP_TRIGGERER_UUID"};

static int setup(void **state) {
  (void)state;
  for (size_t i = 0; i < ARRAY_LEN(variables); i++) unsetenv(variables[i]);
  return 0;
}

static void is(const char *option, const char *user, bool claimed) {
  struct outcome o;
  outcome_init(&o);
  actor_find(option, &o);
  actor_find(option, &o); /* again: nothing leaks */
  assert_string_equal(o.actor_user, user);
  assert_int_equal(o.actor_claimed, claimed);
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  assert_string_equal(o.actor_host, host);
  outcome_done(&o);
}

static void login_name(void **state) {
  (void)state;
  setenv("USER", "forged", 1);
  setenv("LOGNAME", "forged", 1);
  is(NULL, getpwuid(getuid())->pw_name, false);
}

static void each_ci_system_is_claimed(void **state) {
  (void)state;
  for (size_t i = 1; i < ARRAY_LEN(variables); i++) {
    setenv(variables[i], "builder", 1);
    is(NULL, "builder", true);
    setenv(variables[i], "", 1);
    is(NULL, getpwuid(getuid())->pw_name, false);
    unsetenv(variables[i]);
  }
}

static void order(void **state) {
  (void)state;
  setenv("GITHUB_ACTOR", "octo", 1);
  is(NULL, "octo", true);
  setenv("SUDO_USER", "alice", 1);
  is(NULL, "alice", false);
  is("", "alice", false);
  is("bob", "bob", false);
}

static void one_line_of_text(void **state) {
  (void)state;
  is("a\nb\x1b[31m", "a?b?[31m", false);
  char longer[1000];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  struct outcome o;
  outcome_init(&o);
  actor_find(longer, &o);
  assert_int_equal(strlen(o.actor_user), 256);
  outcome_done(&o);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(login_name, setup),
      cmocka_unit_test_setup(each_ci_system_is_claimed, setup),
      cmocka_unit_test_setup(order, setup),
      cmocka_unit_test_setup(one_line_of_text, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
