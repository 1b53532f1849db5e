/* The host's functions that every hook may call. */
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

void hook_log(hook_level level, const char *format, ...) {
  va_list values;
  va_start(values, format);
  wit_string_t message = wit_of_text(gc_printed(format, values));
  va_end(values);
  groundcrew_hook_log_log((groundcrew_hook_log_level_t)level, &message);
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
