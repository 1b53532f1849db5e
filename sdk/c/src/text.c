/* Texts, memory and failures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plain.h"

void *gc_new(size_t count, size_t size) {
  void *fresh = calloc(count ? count : 1, size);
  if (!fresh) {
    fputs("out of memory\n", stderr);
    abort();
  }
  return fresh;
}

void *gc_grown(void *items, size_t count, size_t size) {
  if (count != 0 && (count & (count - 1)) != 0) return items;
  void *grown = gc_new(count ? count * 2 : 1, size);
  if (count) memcpy(grown, items, count * size);
  return grown;
}

char *gc_printed(const char *format, va_list values) {
  va_list again;
  va_copy(again, values);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *text = gc_new((size_t)length + 1, 1);
  vsnprintf(text, (size_t)length + 1, format, values);
  return text;
}

#define PRINTED(into)                                                                                                  \
  va_list values;                                                                                                      \
  va_start(values, format);                                                                                            \
  char *into = gc_printed(format, values);                                                                             \
  va_end(values)

char *hook_format(const char *format, ...) {
  PRINTED(text);
  return text;
}

static hook_failure *failed(const char *message, bool lasting) {
  hook_failure *failure = gc_new(1, sizeof *failure);
  *failure = (hook_failure){.message = message, .lasting = lasting};
  return failure;
}

hook_failure *hook_retry(const char *format, ...) {
  PRINTED(text);
  return failed(text, false);
}

hook_failure *hook_lasting(const char *format, ...) {
  PRINTED(text);
  return failed(text, true);
}

hook_failure *hook_invalid(const char *format, ...) {
  PRINTED(text);
  return failed(hook_format("invalid: %s", text), true);
}

hook_failure *hook_no_inventory(const char *format, ...) {
  PRINTED(text);
  return failed(hook_format("inventory.none: %s", text), true);
}

bool hook_is_missing(const hook_failure *failure) { return failure && failure->status == 404; }

char *hook_segment(const char *text) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  char *segment = gc_new(strlen(text) * 3 + 1, 1), *end = segment;
  for (; *text; text++) {
    if (strchr(plain, *text)) {
      *end++ = *text;
    } else {
      end += sprintf(end, "%%%02X", (unsigned char)*text);
    }
  }
  return segment;
}

char *hook_part(const char *path, size_t index) {
  for (; index > 0; index--) {
    path = strchr(path, '/');
    if (!path) return NULL;
    path++;
  }
  return hook_format("%.*s", (int)strcspn(path, "/"), path);
}
