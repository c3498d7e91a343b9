#include "base/alloc.h"
#include "base/buf.h"
#include "data/yaml.h"
#include "descriptors.h"
#include <stdlib.h>
#include <string.h>

/* The tree as one line: kinds as letters, lines as @N when asked for. */
static void dump(struct buf *b, const struct yaml *y, bool lines) {
  static const char letters[] = "nbifs";
  if (y->tag) buf_printf(b, "<%s>", y->tag);
  if (y->kind == YAML_LIST || y->kind == YAML_MAP) {
    buf_puts(b, y->kind == YAML_LIST ? "[" : "{");
    for (size_t i = 0; i < y->n; i++) {
      if (i) buf_puts(b, " ");
      if (y->kind == YAML_MAP) buf_printf(b, "%s", y->pairs[i].key);
      if (y->kind == YAML_MAP && lines) buf_printf(b, "@%d", y->pairs[i].line);
      if (y->kind == YAML_MAP) buf_puts(b, ":");
      dump(b, y->kind == YAML_LIST ? y->items[i] : y->pairs[i].value, lines);
    }
    buf_puts(b, y->kind == YAML_LIST ? "]" : "}");
  } else {
    buf_printf(b, "%c'%s'", letters[y->kind], y->text);
  }
  if (lines) buf_printf(b, "@%d", y->line);
}

static void reads_as_with(const char *text, const char *tree, bool lines) {
  struct error err = ERROR_INIT;
  struct yaml *y = yaml_parse("f.yaml", text, strlen(text), &err);
  if (!y) fail_msg("%s", err.text);
  struct buf b;
  buf_init(&b, 100000);
  dump(&b, y, lines);
  assert_string_equal(b.data, tree);
  buf_done(&b);
  yaml_tree_free(y);
}

static void reads_as(const char *text, const char *tree) {
  reads_as_with(text, tree, false);
}

static void refuses_n(const char *text, size_t n, const char *why) {
  struct error err = ERROR_INIT;
  struct yaml *y = yaml_parse("f.yaml", text, n, &err);
  if (y) print_error("accepted: %.60s\n", text);
  assert_null(y);
  assert_int_equal(err.kind, ERR_CONFIG);
  assert_string_equal(err.text, why);
}

static void refuses(const char *text, const char *why) {
  refuses_n(text, strlen(text), why);
}

static void core_schema(void **state) {
  (void)state;
  reads_as("[null, Null, NULL, ~, '', \"\", 'null']", "[n'' n'' n'' n'' s'' s'' s'null']");
  reads_as("[true, True, FALSE, yes, no, on, off, y, tRUE]",
           "[b'true' b'True' b'FALSE' s'yes' s'no' s'on' s'off' s'y' s'tRUE']");
  reads_as("[0, -1, +12, 007, 0o17, 0x1F, 0o18, 0x, 0o, 1_000, 0b1]",
           "[i'0' i'-1' i'+12' i'007' i'0o17' i'0x1F' s'0o18' s'0x' s'0o' s'1_000' s'0b1']");
  reads_as("[1.5, .5, 1., -1e3, 1.e+3, .inf, -.INF, .nan, ., 1.2.3, e3, 1e, -, 10:30, 1.5g, -.nan]",
           "[f'1.5' f'.5' f'1.' f'-1e3' f'1.e+3' f'.inf' f'-.INF' f'.nan' s'.' s'1.2.3' s'e3' s'1e' s'-' "
           "s'10:30' s'1.5g' s'-.nan']");
  reads_as("[2001-12-14, '5', \"true\", abc]", "[s'2001-12-14' s'5' s'true' s'abc']");
}

static void styles_and_lines(void **state) {
  (void)state;
  reads_as_with("version: 1\n\nenv:\n  - A=1\n  - B\nrun: |\n  a\n  b\nempty:\n",
                "{version@1:i'1'@1 env@3:[s'A=1'@4 s'B'@5]@4 run@6:s'a\nb\n'@6 empty@9:n''@9}@1", true);
  reads_as("", "n''");
  reads_as("# only this\n", "n''");
  reads_as("\xef\xbb\xbf"
           "a: b",
           "{a:s'b'}");
  reads_as("a: \"x\\ty\\u00fc\"", "{a:s'x\ty\xc3\xbc'}");
  reads_as("---\na: 1\n...\n", "{a:i'1'}");
  reads_as("80: a\ntrue: b\n", "{80:s'a' true:s'b'}");
}

static void tags(void **state) {
  (void)state;
  reads_as("[!!str 1, !!int 5, !!float 5, !!null ~, !reset [], !!binary eA==, ! 7]",
           "[s'1' i'5' f'5' n'' <!reset>[] <tag:yaml.org,2002:binary>s'eA==' s'7']");
  refuses("a:\n  !!int x", "f.yaml:2: this is not a number, as its tag says");
  refuses("!!map [a]", "f.yaml:1: this is not a map, as its tag says");
}

static void aliases_are_copied(void **state) {
  (void)state;
  reads_as_with("a: &x [1,\n 2]\nb: *x\n", "{a@1:[i'1'@1 i'2'@2]@1 b@3:[i'1'@1 i'2'@2]@3}@1", true);
  reads_as("- &k key\n- {*k : v}", "[s'key' {key:s'v'}]");
  reads_as("- &a 1\n- &a 2\n- *a", "[i'1' i'2' i'2']");
  reads_as("- &a [&a 1, *a]\n- *a", "[[i'1' i'1'] i'1']");
  refuses("a: 1\nb: *x", "f.yaml:2: alias *x has no anchor before it");
  refuses("&a [1, *a]", "f.yaml:1: alias *a stands inside its own anchor");
  refuses("&a {x: 1,\n <<: *a}", "f.yaml:2: alias *a stands inside its own anchor");
}

static void merge_keys(void **state) {
  (void)state;
  const char *base = "- &x {p: 1, q: 2}\n- &y {q: 3, r: 4}\n";
  static const struct {
    const char *text, *tree;
  } cases[] = {
      {"- {<<: *x, q: 9}", "{q:i'9' p:i'1'}"},
      {"- {q: 9, <<: *x}", "{q:i'9' p:i'1'}"},
      {"- {<<: [*x, *y]}", "{p:i'1' q:i'2' r:i'4'}"},
      {"- {<<: [*y, *x], p: 0}", "{p:i'0' q:i'3' r:i'4'}"},
      {"- {<<: {z: 5}}", "{z:i'5'}"},
      {"- {'<<': *x}", "{<<:{p:i'1' q:i'2'}}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CLEANUP_FREE char *text = xprintf("%s%s", base, cases[i].text);
    CLEANUP_FREE char *tree = xprintf("[{p:i'1' q:i'2'} {q:i'3' r:i'4'} %s]", cases[i].tree);
    reads_as(text, tree);
  }
  reads_as("- {<<: &m {a: 1}}\n- *m\n", "[{a:i'1'} {a:i'1'}]"); /* the anchor outlives the merge */
  refuses("a: 1\n<<: 3", "f.yaml:2: << takes a map or a list of maps");
  refuses("<<: [1]", "f.yaml:1: << takes a map or a list of maps");
}

static void keys_are_words_given_once(void **state) {
  (void)state;
  refuses("a: 1\nb: 2\na: 3\n", "f.yaml:3: key \"a\" is given twice (first in line 1)");
  refuses("x:\n  a: 1\n  'a': 3\n", "f.yaml:3: key \"a\" is given twice (first in line 2)");
  refuses("? [a]\n: b", "f.yaml:1: a key must be a word, not a list");
  refuses("{a: 1,\n ~: b}", "f.yaml:2: a key is empty");
}

static void syntax_faults_have_a_line(void **state) {
  (void)state;
  refuses("a: [1\nb: 2", "f.yaml:2: did not find expected ',' or ']'");
  refuses("a: 1\n\tb: 2", "f.yaml:2: found a tab character that violates indentation");
  refuses("a\n---\nb\n", "f.yaml:2: more than one document");
  refuses("a: b\nc: \x01", "f.yaml:2: control characters are not allowed");
  refuses("a: b\n\xff", "f.yaml:2: invalid leading UTF-8 octet");
  refuses("a: \"x\\0y\"", "f.yaml:1: a NUL character in a string");
  refuses("a: \"x", "f.yaml:1: found unexpected end of stream");
}

static void depth_is_limited(void **state) {
  (void)state;
  char deep[131] = "";
  memset(deep, '[', 65);
  memset(deep + 65, ']', 65);
  refuses(deep, "f.yaml:1: nested deeper than 64");
  deep[129] = '\0';
  reads_as(deep + 1, deep + 1); /* 64 are fine */
}

static void alias_bombs(void **state) {
  (void)state;
  struct buf b;
  buf_init(&b, 1000000);
  buf_puts(&b, "a0: &a0 [x]\n");
  for (int i = 1; i < 10; i++) {
    buf_printf(&b, "a%d: &a%d [", i, i);
    for (int j = 0; j < 9; j++) buf_printf(&b, "*a%d,", i - 1);
    buf_puts(&b, "]\n");
  }
  refuses_n(b.data, b.len, "f.yaml:7: more than 1000000 nodes (aliases count as often as they are used)");
  /* few nodes, but long ones */
  buf_clear(&b);
  buf_puts(&b, "- &a ");
  for (int i = 0; i < 100000; i++) buf_puts(&b, "x");
  buf_puts(&b, "\n");
  for (int i = 0; i < 1000; i++) buf_puts(&b, "- *a\n");
  refuses_n(b.data, b.len, "f.yaml:640: more than 1000000 nodes (aliases count as often as they are used)");
  /* depth by aliases of aliases */
  buf_clear(&b);
  buf_puts(&b, "a0: &a0 [x]\n");
  for (int i = 1; i < 80; i++) buf_printf(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
  refuses_n(b.data, b.len, "f.yaml:63: nested deeper than 64");
  buf_clear(&b);
  for (int i = 0; i <= 10000; i++) buf_printf(&b, "- &a%d x\n", i);
  refuses_n(b.data, b.len, "f.yaml:10001: more than 10000 anchors");
  buf_done(&b);
}

static void looks_up(void **state) {
  (void)state;
  const char *text = "a: 1\nb: {c: 2}\n";
  struct yaml *y = yaml_parse("f", text, strlen(text), NULL);
  assert_string_equal(yaml_get(yaml_get(y, "b"), "c")->text, "2");
  assert_null(yaml_get(y, "c"));
  assert_null(yaml_get(yaml_get(y, "a"), "c"));
  assert_null(yaml_get(NULL, "c"));
  yaml_tree_free(y);
  yaml_tree_free(NULL);
  assert_string_equal(yaml_kind_name(YAML_LIST), "a list");
  assert_string_equal(yaml_kind_name(YAML_FLOAT), "a number");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(core_schema),
      cmocka_unit_test(styles_and_lines),
      cmocka_unit_test(tags),
      cmocka_unit_test(aliases_are_copied),
      cmocka_unit_test(merge_keys),
      cmocka_unit_test(keys_are_words_given_once),
      cmocka_unit_test(depth_is_limited),
      cmocka_unit_test(syntax_faults_have_a_line),
      cmocka_unit_test(alias_bombs),
      cmocka_unit_test(looks_up),
  };
  return RUN_TESTS(tests);
}
