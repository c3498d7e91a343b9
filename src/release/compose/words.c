/* The rules of go-shellwords, which Compose uses: quotes, backslashes, no expansion. */
#include "release/compose/words.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include <stdbool.h>
#include <string.h>

int words_split(const char *text, struct strv *ret) {
  struct buf word;
  char quote = '\0';
  bool begun = false, escaped = false;
  buf_init(&word, LIMIT_RELEASE_FILE);
  for (; *text; text++) {
    char c = *text;
    if (escaped) {
      buf_append(&word, &c, 1);
      escaped = false;
    } else if (c == '\\' && quote != '\'') {
      escaped = begun = true;
    } else if (quote ? c == quote : c == '"' || c == '\'') {
      quote = quote ? '\0' : c;
      begun = true;
    } else if (!quote && strchr(" \t\r\n", c)) {
      if (begun) strv_take(ret, buf_take(&word));
      begun = false;
    } else {
      buf_append(&word, &c, 1);
      begun = true;
    }
  }
  if (begun && !quote && !escaped) strv_take(ret, buf_take(&word));
  buf_done(&word);
  return quote || escaped ? -1 : 0;
}
