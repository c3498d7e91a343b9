#include "cli/history_csv.h"
#include "base/alloc.h"
#include "data/json.h"
#include <stdlib.h>
#include <string.h>

static const char *const columns[] = {"event",
                                      "at",
                                      "id",
                                      "verdict",
                                      "cause",
                                      "message",
                                      "exit_code",
                                      "exit_status",
                                      "signal",
                                      "replayed",
                                      "original_id",
                                      "release.name",
                                      "release.source",
                                      "release.image",
                                      "release.image_id",
                                      "release.digest",
                                      "command",
                                      "runtime.kind",
                                      "runtime.endpoint",
                                      "target.name",
                                      "target.id",
                                      "actor.user",
                                      "actor.host",
                                      "reason",
                                      "lock",
                                      "once",
                                      "created_at",
                                      "started_at",
                                      "finished_at",
                                      "output.stdout_bytes",
                                      "output.stderr_bytes",
                                      "output.gap",
                                      "removed",
                                      "settled_by",
                                      "prev",
                                      "hash"};

void history_csv_titles(struct buf *out) {
  for (size_t i = 0; i < ARRAY_LEN(columns); i++) buf_printf(out, "%s%s", i ? "," : "", columns[i]);
  buf_puts(out, "\r\n");
}

static void quote(struct buf *out, const char *text) {
  buf_puts(out, *text && strchr("=+-@\t\r", *text) ? "\"'" : "\"");
  for (; *text; text++) {
    if (*text == '"') buf_puts(out, "\"");
    buf_append(out, text, 1);
  }
  buf_puts(out, "\"");
}

void history_csv_line(struct buf *out, const json_t *line) {
  for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
    const json_t *value = json_at(line, columns[i]);
    if (i) buf_puts(out, ",");
    if (!value) continue;
    if (json_is_string(value)) {
      quote(out, json_string_value(value));
    } else {
      CLEANUP_FREE char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
      if (json_is_array(value) || json_is_object(value))
        quote(out, text ? text : "");
      else
        buf_puts(out, text ? text : "");
    }
  }
  buf_puts(out, "\r\n");
}
