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

/* What is said of an answer that is no JSON: its first 80 bytes, with a dot for each that is no printable ASCII. */
static hook_failure *no_json(const hook_request *request, const hook_response *answer) {
  char begin[81] = "";
  for (size_t i = 0; i < answer->body.length && i < sizeof begin - 1; i++) {
    unsigned char byte = (unsigned char)answer->body.data[i];
    begin[i] = byte > 31 && byte < 127 ? (char)byte : '.';
  }
  const char *type = "no content-type";
  for (size_t i = answer->header_count; i > 0; i--) {
    if (strcasecmp(answer->headers[i - 1].name, "content-type") == 0) type = answer->headers[i - 1].value;
  }
  return hook_retry("%s %s: status %d, %s: the answer is no JSON: %s", request->method, request->url, answer->status,
                    type, begin);
}

static hook_failure *read_json(const hook_request *request, const hook_response *answer, cJSON **into) {
  *into = NULL;
  if (answer->body.length == 0 || answer->status == 204 || answer->status == 205) return NULL;
  /* With the NUL, so that nothing may follow the value. */
  *into = cJSON_ParseWithLengthOpts(answer->body.data, answer->body.length + 1, NULL, true);
  return *into ? NULL : no_json(request, answer);
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
  return into ? read_json(&request, &answer, into) : NULL;
}
