/* Numbers that stand in a Compose file without quotes, as Compose hands them on: it reads them as YAML 1.1's
 * and 1.2's numbers and writes them as Go does, so that 0644 is 420, 1.10 is 1.1 and 1_000 is 1000. */
#ifndef RELEASE_COMPOSE_NUMBER_H
#define RELEASE_COMPOSE_NUMBER_H

/* For free(); NULL: the text is no number. */
char *number_text(const char *text);
#endif
