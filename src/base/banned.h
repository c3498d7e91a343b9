/* Functions that nobody should use, made errors. Given to the compiler with -include, so that no file can
 * forget it. The headers that declare or mention them come first: poison bites whatever is read after it. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#pragma GCC poison strcpy strcat sprintf vsprintf gets strtok tmpnam
#endif
