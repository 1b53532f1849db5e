/* What needs no host, natively, after `groundcrew build`: `make test`. */
#include <groundcrew_testing.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

static void an_event_is_posted_under_its_id(hook_subject *subject, const char *body) {
  hook_test_begin();
  hook_test_config("{\"server\": \"https://api.example\"}");
  hook_test_answer(204, NULL);
  hook_event event = {.id = "e1", .kind = "app.created", .time = "2026-11-22T08:00:00Z", .subject = subject};
  assert(handler_handle(&event) == NULL);
  assert(hook_test_is(hook_test_sent(0), "POST", "https://api.example/events", body));
  assert(strcmp(hook_test_header(hook_test_sent(0), "idempotency-key"), "e1") == 0);
}

static void what_was_not_taken_is_told_again(void) {
  hook_test_begin();
  hook_test_config("{\"server\": \"https://api.example\"}");
  hook_test_answer(503, "later", "retry-after", "2");
  hook_failure *failure = handler_handle(&(hook_event){.id = "e1", .kind = "tick", .time = "2026-11-22T08:00:00Z"});
  assert(failure && !failure->lasting && failure->after_ms == 2000);
}

int main(void) {
  hook_subject app = {.path = "fly/acme/cust-7", .id = "app:1", .state = "deployed"};
  an_event_is_posted_under_its_id(
      &app, "{\"id\":\"e1\",\"kind\":\"app.created\",\"time\":\"2026-11-22T08:00:00Z\",\"about\":\"fly/acme/cust-7\"}");
  an_event_is_posted_under_its_id(
      NULL, "{\"id\":\"e1\",\"kind\":\"app.created\",\"time\":\"2026-11-22T08:00:00Z\",\"about\":null}");
  what_was_not_taken_is_told_again();
  puts("ok: 3 tests");
}
