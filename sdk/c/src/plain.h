/* What needs no host: memory, texts, and what an answer means. */
#ifndef GROUNDCREW_PLAIN_H
#define GROUNDCREW_PLAIN_H

#include <stdarg.h>

#include "../groundcrew.h"

/* New memory, zeroed; ends the run where there is none. Nothing is ever given back: an instance lives for one call. */
void *gc_new(size_t count, size_t size);
/* A list with room for one more item at its end; the room is doubled when it is used up. */
void *gc_grown(void *items, size_t count, size_t size);
/* A new text. */
char *gc_printed(const char *format, va_list values);

#endif
