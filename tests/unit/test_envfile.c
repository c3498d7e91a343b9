#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "data/envfile.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What was called back, a line each: LINE NAME=VALUE, or LINE NAME without a value. */
static int collect(void *data, const char *name, const char *value, int line, struct error *err) {
  if (strcmp(name, "STOP") == 0) return error_set(err, ERR_ENGINE, "stopped");
  return buf_printf(data, "%d %s%s%s\n", line, name, value ? "=" : "", value ? value : "");
}

static const char *lookup(void *data, const char *name) {
  (void)data;
  return strcmp(name, "SHELL_VAR") == 0 ? "from shell" : strcmp(name, "BOTH") == 0 ? "shell wins" : NULL;
}

static int read_text(bool compose, const char *text, size_t n, struct buf *b, struct error *err) {
  buf_init(b, 100000);
  buf_puts(b, "");
  return compose ? envfile_compose_text("f.env", text, n, lookup, NULL, collect, b, err)
                 : envfile_docker_text("f.env", text, n, collect, b, err);
}

static void gives(bool compose, const char *text, const char *vars) {
  struct error err = ERROR_INIT;
  struct buf b;
  if (read_text(compose, text, strlen(text), &b, &err)) fail_msg("%s: %s", text, err.text);
  if (strcmp(b.data, vars) != 0) print_error("<<%s>>\n", text);
  assert_string_equal(b.data, vars);
  buf_done(&b);
}

static void refuses(bool compose, const char *text, size_t n, const char *why) {
  struct error err = ERROR_INIT;
  struct buf b;
  assert_int_equal(read_text(compose, text, n, &b, &err), -1);
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_string_equal(err.text, why);
  buf_done(&b);
}
#define REFUSES(compose, text, why) refuses((compose), (text), sizeof(text) - 1, (why))

static void docker_rules(void **state) {
  (void)state;
  gives(false, "", "");
  gives(false, "A=1\nB=2", "1 A=1\n2 B=2\n");
  gives(false,
        "\xef\xbb\xbf"
        "A=1\r\nB=2\r\n",
        "1 A=1\n2 B=2\n");
  gives(false, "# c\n\n  \t# c\n  A= 1 # no comment \n", "4 A= 1 # no comment \n");
  gives(false, "A='x y'\nB=\"$HOME\\n\"\nC=a=b=\nD=\n", "1 A='x y'\n2 B=\"$HOME\\n\"\n3 C=a=b=\n4 D=\n");
  gives(false, "ALONE\nA.b-c[0]=x\nexport=1\n", "1 ALONE\n2 A.b-c[0]=x\n3 export=1\n");
  gives(false, "A=gr\xc3\xbc\xc3\x9f\n", "1 A=gr\xc3\xbc\xc3\x9f\n");
  gives(false, "A=1\nA=2\n", "1 A=1\n2 A=2\n");
}

static void docker_faults(void **state) {
  (void)state;
  REFUSES(false, "A=1\nA B=secret\n", "f.env:2: a variable name must not contain spaces");
  REFUSES(false, "export A=secret\n", "f.env:1: a variable name must not contain spaces");
  REFUSES(false, "ALONE \n", "f.env:1: a variable name must not contain spaces");
  REFUSES(false, "=secret\n", "f.env:1: no variable name before =");
  REFUSES(false, "A=1\n\nA=\xff\n", "f.env:3: not UTF-8");
  REFUSES(false, "A=1\nA=\0x\n", "f.env:2: a NUL byte");
}

static void compose_unquoted(void **state) {
  (void)state;
  gives(true, "", "");
  gives(true, "A=1\nB: 2\nC = 3 \n", "1 A=1\n2 B=2\n3 C=3\n");
  gives(true,
        "\xef\xbb\xbf"
        "A=1\r\n\r\n  B=2",
        "1 A=1\n3 B=2\n");
  gives(true, "# c\nA=x # c\nB=x#y\nC= # c\nD=\n", "2 A=x\n3 B=x#y\n4 C=# c\n5 D=\n");
  gives(true, "A=a b 'c' \"d\"\n", "1 A=a b 'c' \"d\"\n");
  gives(true, "A=x\\ny\n", "1 A=x\\ny\n");
  gives(true, "export A=1\nexport\tB=2\nexport=3\nexports=4\n", "1 A=1\n2 B=2\n3 export=3\n4 exports=4\n");
  gives(true, "a.b-c[0]_D9=x\n", "1 a.b-c[0]_D9=x\n");
  gives(true, "ALONE\nB=1\nexport C\nLAST", "1 ALONE\n2 B=1\n3 C\n4 LAST\n");
  gives(true, "A=b=c:d\n", "1 A=b=c:d\n");
}

static void compose_quoted(void **state) {
  (void)state;
  gives(true, "A='$X \\n ${Y} # \"'\nB=1\n", "1 A=$X \\n ${Y} # \"\n2 B=1\n");
  gives(true, "A='it\\'s'\n", "1 A=it's\n");
  gives(true, "A=\"a\\nb\\tc\\\\d\\\"e\\$f\\0101g\\qh\"\n", "1 A=a\nb\tc\\d\"e$fAg\\qh\n");
  gives(true, "A=\"\\0351\"\n", "1 A=\xc3\xa9\n");
  gives(true, "A=\"one\ntwo\n\"\nB='x\ny' # c\n\nC=3\n", "1 A=one\ntwo\n\n4 B=x\ny\n7 C=3\n");
  gives(true, "A=\"\"\nB=''\nC=\"x\" D=y\n", "1 A=\n2 B=\n3 C=x\n3 D=y\n");
  gives(true, "A=\"x\"#c\nB='\\\\'\n", "1 A=x\n2 B=\\\\\n");
}

static void compose_expansion(void **state) {
  (void)state;
  gives(true, "A=1\nB=$A-${A}\nC=\"${B}\"\nD='${B}'\n", "1 A=1\n2 B=1-1\n3 C=1-1\n4 D=${B}\n");
  gives(true, "A=${SHELL_VAR}\nB=${NONE}\nC=${NONE:-d e}\n", "1 A=from shell\n2 B=\n3 C=d e\n");
  gives(true, "BOTH=file\nA=$BOTH\n", "1 BOTH=file\n2 A=shell wins\n");
  gives(true, "A=$$A\nB=\"\\$A $$A\"\nC=$B\n", "1 A=$A\n2 B=$A $A\n3 C=$A $A\n");
  gives(true, "A=1\nA=2\nB=$A\n", "1 A=1\n2 A=2\n3 B=2\n");
  struct buf b;
  buf_init(&b, 1000);
  struct error err = ERROR_INIT;
  assert_int_equal(envfile_compose_text("f", "A=$SHELL_VAR.", 13, NULL, NULL, collect, &b, &err), 0);
  assert_string_equal(b.data, "1 A=.\n");
  buf_done(&b);
}

static void compose_faults(void **state) {
  (void)state;
  static const char name[] = "f.env:2: a variable name may hold only letters, digits and _ . - [ ]";
  REFUSES(true, "A=1\nB C=secret\n", name);
  REFUSES(true, "A=1\nB!=secret\n", name);
  REFUSES(true, "A=1\n/secret\n", name);
  REFUSES(true, "\n\n=secret\n", "f.env:3: no variable name");
  REFUSES(true, "A=1\nB=\"secret\nmore\n", "f.env:2: a quoted value is not closed");
  REFUSES(true, "A='secret\\'", "f.env:1: a quoted value is not closed");
  REFUSES(true, "A=\"1\n2\"secret\n", "f.env:2: text follows the closing quote");
  REFUSES(true, "A=1\nB=secret${\n",
          "f.env:2: bad substitution: ${NAME} is expected; write $$ for a dollar sign");
  REFUSES(true, "A=1\nB=\"\n${NONE:?give it}\"\n", "f.env:2: NONE is not set: give it");
  REFUSES(true, "A=1\nB=\0secret", "f.env:2: a NUL byte");
}

static void callbacks_stop(void **state) {
  (void)state;
  for (int compose = 0; compose < 2; compose++) {
    struct error err = ERROR_INIT;
    struct buf b;
    assert_int_equal(read_text(compose, "A=1\nSTOP=1\nB=1\n", 15, &b, &err), -1);
    assert_string_equal(err.text, "stopped");
    assert_int_equal(err.kind, ERR_ENGINE);
    assert_string_equal(b.data, "1 A=1\n");
    buf_done(&b);
  }
}

static void files(void **state) {
  (void)state;
  char path[] = "/tmp/run-once-env-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(fd_write_all(fd, "A='1'\n", 6), 0);
  close(fd);
  struct error err = ERROR_INIT;
  struct buf b;
  buf_init(&b, 1000);
  assert_int_equal(envfile_docker(path, collect, &b, &err), 0);
  assert_int_equal(envfile_compose(path, lookup, NULL, collect, &b, &err), 0);
  assert_string_equal(b.data, "1 A='1'\n1 A=1\n");
  buf_done(&b);
  unlink(path);
  CLEANUP_FREE char *why = xprintf("%s: No such file or directory", path);
  assert_int_equal(envfile_docker(path, collect, &b, &err), -1);
  assert_string_equal(err.text, why);
  assert_int_equal(envfile_compose(path, lookup, NULL, collect, &b, &err), -1);
  assert_string_equal(err.text, why);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(docker_rules),   cmocka_unit_test(docker_faults),  cmocka_unit_test(compose_unquoted),
      cmocka_unit_test(compose_quoted), cmocka_unit_test(compose_faults), cmocka_unit_test(compose_expansion),
      cmocka_unit_test(callbacks_stop), cmocka_unit_test(files),
  };
  return RUN_TESTS(tests);
}
