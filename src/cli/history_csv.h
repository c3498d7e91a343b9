/* Records as CSV (RFC 4180): fixed columns, nested fields by their path; the command as JSON. A text that a
 * spreadsheet would take for a formula gets a quote in front. */
#ifndef CLI_HISTORY_CSV_H
#define CLI_HISTORY_CSV_H
#include "base/buf.h"
#include <jansson.h>

void history_csv_titles(struct buf *out);
void history_csv_line(struct buf *out, const json_t *line);
#endif
