/* A command line in one text, split as a shell splits words: Compose's entrypoint. */
#ifndef RELEASE_COMPOSE_WORDS_H
#define RELEASE_COMPOSE_WORDS_H
#include "base/strv.h"

int words_split(const char *text, struct strv *ret); /* appends; -1: a quote is not closed */
#endif
