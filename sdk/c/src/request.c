/* One request with JSON both ways, on top of `hook_send`. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plain.h"

/* Whether a status that is not good may be another one next time. */
static bool passes(int status) {
  switch (status) {
    case 401: case 408: case 409: case 412: case 423: case 425: case 429:
      return true;
    default:
      return status >= 500;
  }
}

static hook_failure *refused(const hook_response *answer) {
  const char *text = answer->body.data + strspn(answer->body.data, " \t\r\n");
  size_t length = strnlen(text, 500);
  while (length && strchr(" \t\r\n", text[length - 1])) length--;
  hook_failure *failure = hook_retry("status %d: %.*s", answer->status, (int)length, text);
  failure->lasting = !passes(answer->status);
  failure->status = answer->status;
  for (size_t i = 0; i < answer->header_count; i++) {
    if (strcasecmp(answer->headers[i].name, "retry-after") != 0) continue;
    char *end;
    unsigned long seconds = strtoul(answer->headers[i].value, &end, 10);
    /* A date is left to the host's own back-off. */
    if (*end == '\0' && end != answer->headers[i].value && seconds <= UINT32_MAX / 1000) {
      failure->after_ms = (uint32_t)seconds * 1000;
    }
  }
  return failure;
}

static hook_failure *read_json(const hook_response *answer, cJSON **into) {
  *into = NULL;
  if (answer->body.length == 0) return NULL;
  const char *end = NULL;
  /* With the NUL, so that nothing may follow the value. */
  *into = cJSON_ParseWithLengthOpts(answer->body.data, answer->body.length + 1, &end, true);
  if (*into) return NULL;
  return hook_retry("the answer is no JSON from byte %zu", (size_t)(end ? end - answer->body.data : 0));
}

hook_failure *hook_json_(const char *method, const char *url, const cJSON *body, cJSON **into, ...) {
  hook_pair *headers = NULL;
  hook_request request = {.method = method, .url = url};
  va_list pairs;
  va_start(pairs, into);
  for (const char *name = va_arg(pairs, const char *); name; name = va_arg(pairs, const char *)) {
    headers = gc_grown(headers, request.header_count, sizeof *headers);
    headers[request.header_count++] = (hook_pair){name, va_arg(pairs, const char *)};
  }
  va_end(pairs);
  if (body) {
    headers = gc_grown(headers, request.header_count, sizeof *headers);
    headers[request.header_count++] = (hook_pair){"content-type", "application/json"};
    request.body.data = cJSON_PrintUnformatted(body);
    request.body.length = strlen(request.body.data);
  }
  request.headers = headers;
  hook_response answer;
  HOOK_TRY(hook_send(&request, &answer));
  if (answer.status < 200 || answer.status > 299) return refused(&answer);
  return into ? read_json(&answer, into) : NULL;
}
