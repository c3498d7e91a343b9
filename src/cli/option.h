/* The option engine. One row an option (option_table.h) gives parsing, the RUN_ONCE_… variable, checks of the
 * value, help, completion and the man page.
 *
 * Values come in layers, later wins: defaults: of the release file < its task < RUN_ONCE_… < command line. A
 * repeatable option keeps the values of all layers in that order. Every value is checked where it comes in,
 * so that the readers below cannot fail; a complaint names where the value came from (--timeout,
 * RUN_ONCE_TIMEOUT, "release.yaml: defaults: timeout") and never quotes a value that may be secret. */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H
#include "base/error.h"
#include "base/strv.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum command_id {
  CMD_RUN,
  CMD_TASK,
  CMD_PLAN,
  CMD_JOBS_LIST,
  CMD_JOBS_LOGS,
  CMD_JOBS_ATTACH,
  CMD_JOBS_WAIT,
  CMD_JOBS_STOP,
  CMD_JOBS_RM,
  CMD_JOBS_RESULT,
  CMD_JOBS_PRUNE,
  CMD_HISTORY_LIST,
  CMD_HISTORY_SHOW,
  CMD_HISTORY_VERIFY,
  CMD_HISTORY_ROTATE,
  CMD_HISTORY_EXPORT,
  CMD_DOCTOR,
  CMD_COMPLETION,
  CMD_VERSION,
  CMD_HELP,
  CMD_COUNT
};
typedef uint32_t option_mask; /* bits 1 << enum command_id */
#define ON_ANY_RUN ((1u << CMD_RUN) | (1u << CMD_TASK) | (1u << CMD_PLAN))

enum option_kind {
  OPTION_FLAG, /* --x, --x=false */
  OPTION_TEXT,
  OPTION_DURATION,
  OPTION_SIZE,
  OPTION_CPUS,
  OPTION_CHOICE, /* the words are the placeholder: "fail|wait|attach" */
  OPTION_LATER   /* a reserved name: rejected as not in this version */
};
enum {
  OPTION_REPEAT = 1,
  OPTION_SECRET = 2, /* NAME=VALUE whose VALUE is overwritten in argv and never quoted */
  OPTION_EMPTY = 4,  /* an empty RUN_ONCE_… counts as given (else as unset) */
  OPTION_NAMED = 8   /* an empty value is an error */
};
enum option_section {
  SECTION_RELEASE,
  SECTION_CONTAINER,
  SECTION_STREAMS,
  SECTION_ALONE,
  SECTION_TIME,
  SECTION_AFTER,
  SECTION_RECORD,
  SECTION_OUTPUT,
  SECTION_WHERE,
  SECTION_COUNT
};
struct option_row {
  const char *name;
  char letter; /* 0: none */
  enum option_kind kind;
  const char *arg; /* placeholder; NULL for flags */
  option_mask commands;
  unsigned flags;
  enum option_section section;
  const char *fallback; /* as help shows it; NULL: nothing to say */
  const char *help;
};

enum option_id {
#define OPTION(id, ...) OPT_##id,
#include "cli/option_table.h"
#undef OPTION
  OPTION_COUNT
};
extern const struct option_row option_rows[OPTION_COUNT];
extern const char *const option_sections[SECTION_COUNT];

enum option_layer { LAYER_DEFAULTS, LAYER_TASK, LAYER_ENVIRONMENT, LAYER_COMMAND_LINE };
struct option_value {
  char *text; /* of flags "true" or "false" */
  char *origin;
  enum option_layer layer;
  unsigned serial; /* order of arrival: which of -t and -T was said last */
};
struct options {
  struct option_values {
    struct option_value *v; /* by layer, then by arrival */
    size_t n;
  } given[OPTION_COUNT];
  unsigned serial;
};
void options_init(struct options *o);
void options_done(struct options *o);

/* Reads options of the commands in `mask` from argv[0..argc). With options_end it stops at the first word (or
 * behind `--`); else words and options may mix, and argv is reordered: words last. *ret_first is the index of
 * the first word, *ret_dashes whether `--` stood before it. What was read before a fault stays in o (--result
 * is wanted then). */
int options_parse(struct options *o, option_mask mask, bool options_end, int argc, char **argv,
                  int *ret_first, bool *ret_dashes, struct error *err);
/* RUN_ONCE_… of every option of `mask`. Of a repeatable option each line is a value. */
int options_environment(struct options *o, option_mask mask, struct error *err);
/* By name, from the release file: pairs {name, value}. `where` is put before complaints. */
int options_pairs(struct options *o, option_mask mask, const struct strv *pairs, enum option_layer layer,
                  const char *where, struct error *err);
int option_add(struct options *o, enum option_id id, const char *text, enum option_layer layer,
               const char *origin, struct error *err);

/* Readers: the value that won; NULL or the fallback when not given. */
const struct option_value *option_last(const struct options *o, enum option_id id);
const char *option_text(const struct options *o, enum option_id id);
bool option_flag(const struct options *o, enum option_id id);
int64_t option_number(const struct options *o, enum option_id id,
                      int64_t fallback);                                     /* ms, bytes, nano-CPUs */
int option_choice(const struct options *o, enum option_id id, int fallback); /* index in the placeholder */
/* Of two opposed flags (-t, -T) the one said last in the highest layer: 1 the first, 0 the second, -1
 * neither. */
int option_opposed(const struct options *o, enum option_id yes, enum option_id no);

/* "RUN_ONCE_LOCK_WAIT"; into ret. */
const char *option_variable(const struct option_row *row, char ret[64]);
/* Is `word` among the words of "a|b|c"? Its index, or -1. */
int option_word(const char *words, const char *word);
#endif
