/* The host's functions that every hook may call. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "convert.h"

const cJSON *hook_config(void) {
  static cJSON *config;
  if (!config) {
    wit_string_t text;
    groundcrew_hook_config_get(&text);
    config = gc_json(text);
  }
  return config;
}

hook_failure *hook_secret(const char *name, const char **token) {
  wit_string_t asked = wit_of_text(name), given;
  groundcrew_hook_types_failure_t failure;
  if (!groundcrew_hook_config_secret(&asked, &given, &failure)) return gc_failure(&failure);
  *token = gc_text(given);
  return NULL;
}

static wit_list_tuple2_string_string_t headers_of(const hook_pair *pairs, size_t count) {
  wit_list_tuple2_string_string_t headers = {.ptr = gc_new(count, sizeof *headers.ptr), .len = count};
  for (size_t i = 0; i < count; i++) {
    headers.ptr[i].f0 = wit_of_text(pairs[i].name);
    headers.ptr[i].f1 = wit_of_text(pairs[i].value);
  }
  return headers;
}

hook_failure *hook_send(const hook_request *request, hook_response *response) {
  groundcrew_hook_http_request_t sent = {
      .method = wit_of_text(request->method),
      .url = wit_of_text(request->url),
      .headers = headers_of(request->headers, request->header_count),
      .body = {.ptr = (uint8_t *)request->body.data, .len = request->body.length},
      .seal = {.ptr = gc_new(request->seal_count, sizeof *sent.seal.ptr), .len = request->seal_count},
  };
  for (size_t i = 0; i < request->seal_count; i++) sent.seal.ptr[i] = wit_of_text(request->seal[i]);
  groundcrew_hook_http_response_t answer;
  groundcrew_hook_http_failure_t failure;
  if (!groundcrew_hook_http_send(&sent, &answer, &failure)) return gc_failure(&failure);
  *response = (hook_response){
      .status = answer.status,
      .headers = gc_new(answer.headers.len, sizeof *response->headers),
      .header_count = answer.headers.len,
      .body = {gc_text((wit_string_t){answer.body.ptr, answer.body.len}), answer.body.len},
  };
  for (size_t i = 0; i < answer.headers.len; i++) {
    response->headers[i].name = gc_text(answer.headers.ptr[i].f0);
    response->headers[i].value = gc_text(answer.headers.ptr[i].f1);
  }
  return NULL;
}

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
