#include "cli/option.h"

const struct option_row option_rows[OPTION_COUNT] = {
#define OPTION(id, ...) {__VA_ARGS__},
#include "cli/option_table.h"
#undef OPTION
};

const char *const option_sections[SECTION_COUNT] = {
    [SECTION_RELEASE] = "The release", [SECTION_CONTAINER] = "The copy",
    [SECTION_STREAMS] = "Streams",     [SECTION_ALONE] = "Locks and keys",
    [SECTION_TIME] = "Deadlines",      [SECTION_AFTER] = "Before and after",
    [SECTION_RECORD] = "Records",      [SECTION_OUTPUT] = "What is printed",
    [SECTION_WHERE] = "Where",
};
