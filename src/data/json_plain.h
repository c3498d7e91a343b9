/* The inside of json_parse(): what nearly every answer is, read in a sixth of jansson's instructions. */
#ifndef DATA_JSON_PLAIN_H
#define DATA_JSON_PLAIN_H
#include <jansson.h>
#include <stddef.h>

/* The document, the same as jansson's; NULL for all that is wrong or not plain: a character outside ASCII, a
 * \u escape, an escape in a key, a number with a fraction or more than 18 digits, more than LIMIT_JSON_DEPTH
 * levels. Then jansson is asked, and complains. */
json_t *json_plain(const char *text, size_t len);
#endif
