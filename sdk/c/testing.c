/* The host of groundcrew_testing.h, with all of the SDK that needs none; compiled natively, in one piece. */
#include "groundcrew_testing.h"

#include "cjson/cJSON.c"
#include "src/json.c"
#include "src/lists.c"
#include "src/request.c"
#include "src/text.c"

/* An answer that waits for its request. */
typedef struct {
  hook_response *items;
  size_t count, given;
} answers;

/* What a hook remembers. */
typedef struct {
  const char *key;
  hook_bytes value; /* Without data: it was forgotten. */
} entry;

static struct {
  cJSON *config;
  answers answers;
  hook_request *sent;
  size_t sent_count;
  entry *entries;
  size_t entry_count;
  hook_subjects living;
  hook_running_times ran;
} host;

static void ended(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void ended(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fprintf(stderr, "%s\n", gc_printed(format, values));
  va_end(values);
  abort();
}

/* Bytes of their own, with a NUL after them. */
static hook_bytes kept(hook_bytes bytes) {
  char *copy = gc_new(bytes.length + 1, 1);
  if (bytes.length) memcpy(copy, bytes.data, bytes.length);
  return (hook_bytes){copy, bytes.length};
}

static hook_bytes bytes_of(const char *text) { return kept((hook_bytes){text, text ? strlen(text) : 0}); }

/* ---- what a test says ---------------------------------------------------------------------------------------------- */

void hook_test_begin(void) { memset(&host, 0, sizeof host); }

void hook_test_config(const char *json) {
  host.config = cJSON_Parse(json);
  if (!host.config) ended("the configuration is no JSON: %s", json);
}

void hook_test_answer_(int status, const char *body, ...) {
  hook_response answer = {.status = status, .body = bytes_of(body)};
  va_list pairs;
  va_start(pairs, body);
  for (const char *name = va_arg(pairs, const char *); name; name = va_arg(pairs, const char *)) {
    answer.headers = gc_grown(answer.headers, answer.header_count, sizeof *answer.headers);
    answer.headers[answer.header_count++] = (hook_pair){name, va_arg(pairs, const char *)};
  }
  va_end(pairs);
  host.answers.items = gc_grown(host.answers.items, host.answers.count, sizeof answer);
  host.answers.items[host.answers.count++] = answer;
}

void hook_test_lives(hook_subject subject) {
  host.living.items = gc_grown(host.living.items, host.living.count, sizeof subject);
  host.living.items[host.living.count++] = subject;
}

void hook_test_ran(hook_running_times times) { host.ran = times; }

/* ---- what a test reads --------------------------------------------------------------------------------------------- */

size_t hook_test_count(void) { return host.sent_count; }

const hook_request *hook_test_sent(size_t index) {
  if (index >= host.sent_count) ended("%zu requests were sent, there is no number %zu", host.sent_count, index);
  return &host.sent[index];
}

bool hook_test_is(const hook_request *request, const char *method, const char *url, const char *body) {
  hook_bytes expected = bytes_of(body);
  bool same = strcmp(request->method, method) == 0 && strcmp(request->url, url) == 0 &&
              request->body.length == expected.length &&
              memcmp(request->body.data, expected.data, expected.length) == 0;
  if (!same) {
    fprintf(stderr, "expected %s %s %s\nsent     %s %s %s\n", method, url, expected.data, request->method, request->url,
            request->body.data);
  }
  return same;
}

const char *hook_test_header(const hook_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++) {
    if (strcasecmp(request->headers[i].name, name) == 0) return request->headers[i].value;
  }
  return NULL;
}

/* ---- what a hook asks ---------------------------------------------------------------------------------------------- */

const cJSON *hook_config(void) {
  if (!host.config) host.config = cJSON_CreateObject();
  return host.config;
}

hook_failure *hook_secret(const char *name, const char **token) {
  *token = hook_format("token of %s", name);
  return NULL;
}

void hook_log(hook_level level, const char *format, ...) {
  static const char *const words[] = {"debug", "info", "warn", "error"};
  va_list values;
  va_start(values, format);
  fprintf(stderr, "%s %s\n", words[level], gc_printed(format, values));
  va_end(values);
}

hook_failure *hook_send(const hook_request *request, hook_response *response) {
  hook_request copy = *request;
  copy.body = kept(request->body);
  host.sent = gc_grown(host.sent, host.sent_count, sizeof copy);
  host.sent[host.sent_count++] = copy;
  if (host.answers.given == host.answers.count) {
    ended("the test has no answer for request %zu: %s %s", host.sent_count - 1, request->method, request->url);
  }
  *response = host.answers.items[host.answers.given++];
  return NULL;
}

hook_subject *hook_fleet_get(const char *path) {
  for (size_t i = 0; i < host.living.count; i++) {
    if (strcmp(host.living.items[i].path, path) == 0) return &host.living.items[i];
  }
  return NULL;
}

/* All on one page. */
hook_subjects hook_fleet_below(const char *path, const char *cursor) {
  hook_subjects below = {0};
  size_t length = strlen(path);
  for (size_t i = 0; i < host.living.count && !cursor; i++) {
    const char *found = host.living.items[i].path;
    bool is_below = strncmp(found, path, length) == 0 && found[length] == '/';
    if (!is_below || strchr(found + length + 1, '/')) continue;
    below.items = gc_grown(below.items, below.count, sizeof *below.items);
    below.items[below.count++] = host.living.items[i];
  }
  return below;
}

hook_running_times hook_fleet_running(const char *app, const char *month) {
  (void)app, (void)month;
  return host.ran;
}

hook_failure *hook_kv_get(const char *key, hook_bytes *value) {
  *value = (hook_bytes){0};
  for (size_t i = 0; i < host.entry_count; i++) {
    if (strcmp(host.entries[i].key, key) == 0) *value = host.entries[i].value;
  }
  return NULL;
}

hook_failure *hook_kv_set(const char *key, hook_bytes value) {
  host.entries = gc_grown(host.entries, host.entry_count, sizeof *host.entries);
  host.entries[host.entry_count++] = (entry){hook_format("%s", key), kept(value)};
  return NULL;
}

hook_failure *hook_kv_delete(const char *key) {
  hook_failure *failure = hook_kv_set(key, (hook_bytes){0});
  host.entries[host.entry_count - 1].value = (hook_bytes){0};
  return failure;
}
