/* The host of groundcrew_testing.h: it answers as it was told, and keeps what it was asked.
 *
 *     cc -std=gnu11 -I. tests/testing_test.c testing.c -o testing_test && ./testing_test
 */
#include <groundcrew_testing.h>

#undef NDEBUG
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether a function ends the test, as a failed assertion does. */
static bool ends(void (*function)(void)) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    function();
    _exit(0);
  }
  int status;
  assert(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void asks(void) { hook_json("GET", "https://api.example/things", NULL, NULL); }
static void looks_beyond(void) { hook_test_sent(hook_test_count()); }
static void is_configured_badly(void) { hook_test_config("{"); }

static void answers_go_out_in_their_order(void) {
  hook_test_begin();
  hook_test_answer(200, "{\"id\": \"t1\"}");
  hook_test_answer(404, NULL, "retry-after", "7");
  cJSON *answer;
  assert(hook_json("POST", "https://api.example/things", hook_object("name", hook_string("a")), &answer) == NULL);
  assert(strcmp(hook_text(answer, "id"), "t1") == 0);
  hook_failure *failure = hook_json("DELETE", "https://api.example/things/t1", NULL, NULL, "If-Match", "v1");
  assert(hook_is_missing(failure) && failure->lasting && failure->after_ms == 7000);
  assert(hook_test_count() == 2);
  assert(hook_test_is(hook_test_sent(0), "POST", "https://api.example/things", "{\"name\":\"a\"}"));
  assert(hook_test_is(hook_test_sent(1), "DELETE", "https://api.example/things/t1", NULL));
  assert(strcmp(hook_test_header(hook_test_sent(1), "if-match"), "v1") == 0);
  assert(hook_test_header(hook_test_sent(0), "if-match") == NULL);
}

static void an_answer_that_is_no_json_is_shown(void) {
  hook_test_begin();
  char html[100] = "<html>\n";
  memset(html + 7, 0xC3, 90);
  hook_test_answer(200, html, "Content-Type", "text/html");
  hook_test_answer(201, "{} x");
  hook_test_answer(204, "<html>");
  hook_test_answer(200, "");
  const char *url = "https://api.example/things";
  cJSON *answer;
  char expected[200];
  snprintf(expected, sizeof expected, "GET %s: status 200, text/html: the answer is no JSON: <html>.%.73s", url,
           ".........................................................................");
  hook_failure *failure = hook_json("GET", url, NULL, &answer);
  assert(failure && !failure->lasting && strcmp(failure->message, expected) == 0);
  failure = hook_json("GET", url, NULL, &answer);
  snprintf(expected, sizeof expected, "GET %s: status 201, no content-type: the answer is no JSON: {} x", url);
  assert(failure && strcmp(failure->message, expected) == 0);
  for (int i = 0; i < 2; i++) assert(hook_json("GET", url, NULL, &answer) == NULL && answer == NULL);
}

static void nothing_to_list_by_is_said_with_its_word(void) {
  hook_failure *none = hook_no_inventory("no `%s`", "list");
  assert(none->lasting && strcmp(none->message, "inventory.none: no `list`") == 0);
}

static void another_request_is_not_the_same(void) {
  hook_test_begin();
  hook_test_answer(200, NULL);
  asks();
  const hook_request *sent = hook_test_sent(0);
  assert(hook_test_is(sent, "GET", "https://api.example/things", NULL));
  assert(!hook_test_is(sent, "HEAD", "https://api.example/things", NULL));
  assert(!hook_test_is(sent, "GET", "https://api.example/thing", NULL));
  assert(!hook_test_is(sent, "GET", "https://api.example/things", "{}"));
}

static void what_no_test_said_ends_it(void) {
  hook_test_begin();
  assert(ends(asks) && ends(looks_beyond) && ends(is_configured_badly));
  hook_test_answer(204, NULL);
  assert(!ends(asks));
}

static void configuration_is_what_was_said_last(void) {
  hook_test_begin();
  assert(cJSON_IsObject(hook_config()) && hook_text(hook_config(), "server") == NULL);
  hook_test_config("{\"server\": \"https://api.example\"}");
  assert(strcmp(hook_text(hook_config(), "server"), "https://api.example") == 0);
  const char *token;
  assert(hook_secret("KEY", &token) == NULL && strcmp(token, "token of KEY") == 0);
}

static void what_is_remembered_is_the_last_word(void) {
  hook_test_begin();
  char word[] = "one";
  hook_bytes value;
  assert(hook_kv_get("a", &value) == NULL && value.data == NULL);
  assert(hook_kv_set("a", (hook_bytes){word, 3}) == NULL);
  memcpy(word, "two", 3);
  assert(hook_kv_get("a", &value) == NULL && value.length == 3 && memcmp(value.data, "one", 3) == 0);
  assert(hook_kv_set("a", (hook_bytes){0}) == NULL);
  assert(hook_kv_get("a", &value) == NULL && value.data != NULL && value.length == 0);
  assert(hook_kv_delete("a") == NULL);
  assert(hook_kv_get("a", &value) == NULL && value.data == NULL);
}

static void who_lives_is_found_directly_below(void) {
  hook_test_begin();
  const char *paths[] = {"fly/acme/web", "fly/acme/web/m1", "fly/acme/web2/m2"};
  for (size_t i = 0; i < 3; i++) hook_test_lives((hook_subject){.path = paths[i], .state = "started"});
  hook_test_ran((hook_running_times){.items = &(hook_running_time){.seconds = 60}, .count = 1});
  assert(strcmp(hook_fleet_get("fly/acme/web/m1")->state, "started") == 0 && !hook_fleet_get("fly/acme/web/m2"));
  hook_subjects machines = hook_fleet_below("fly/acme/web", NULL), apps = hook_fleet_below("fly/acme", NULL);
  assert(machines.count == 1 && strcmp(machines.items[0].path, "fly/acme/web/m1") == 0 && machines.next == NULL);
  assert(apps.count == 1 && strcmp(apps.items[0].path, "fly/acme/web") == 0);
  assert(hook_fleet_running("fly/acme/web", "2026-11").items[0].seconds == 60);
}

static void a_test_begins_with_nothing(void) {
  hook_test_begin();
  hook_test_config("{\"server\": \"https://api.example\"}");
  hook_test_lives((hook_subject){.path = "fly/acme/web"});
  hook_test_ran((hook_running_times){.items = &(hook_running_time){.seconds = 60}, .count = 1});
  assert(hook_kv_set("a", (hook_bytes){"one", 3}) == NULL);
  hook_test_answer(204, NULL);
  asks();
  hook_test_answer(204, NULL);
  hook_test_begin();
  hook_bytes value;
  assert(hook_kv_get("a", &value) == NULL && value.data == NULL);
  assert(hook_test_count() == 0 && ends(asks) && hook_text(hook_config(), "server") == NULL);
  assert(!hook_fleet_get("fly/acme/web") && hook_fleet_running("fly/acme/web", "2026-11").count == 0);
}

int main(void) {
  answers_go_out_in_their_order();
  an_answer_that_is_no_json_is_shown();
  nothing_to_list_by_is_said_with_its_word();
  another_request_is_not_the_same();
  what_no_test_said_ends_it();
  configuration_is_what_was_said_last();
  what_is_remembered_is_the_last_word();
  who_lives_is_found_directly_below();
  a_test_begins_with_nothing();
  puts("ok: 9 tests");
}
