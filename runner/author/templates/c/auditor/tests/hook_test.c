/* What needs no host, natively, after `groundcrew build`: `make test`. */
#include <groundcrew_testing.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

static void what_nobody_uses_is_found_page_by_page(void) {
  hook_test_begin();
  hook_test_config("{\"server\": \"https://api.example\"}");
  hook_test_answer(200, "{\"items\": [{\"id\": \"t4\", \"used\": false, \"cents\": 200}, {\"id\": \"t5\", \"used\": true}],"
                        " \"next\": \"5\"}");
  hook_findings page = {0};
  assert(audit_run("3", &page) == NULL);
  assert(hook_test_is(hook_test_sent(0), "GET", "https://api.example/things?after=3", NULL));
  assert(page.count == 1 && strcmp(page.next, "5") == 0);
  const hook_finding *found = &page.items[0];
  assert(strcmp(found->code, "thing.idle") == 0 && strcmp(found->about, "thing/t4") == 0 && found->cost_cents == 200);
}

static void a_page_that_cannot_be_read_is_asked_for_again(void) {
  hook_test_begin();
  hook_test_config("{\"server\": \"https://api.example\"}");
  hook_test_answer(502, "<html>");
  hook_findings page = {0};
  hook_failure *failure = audit_run(NULL, &page);
  assert(failure && !failure->lasting && page.count == 0);
}

int main(void) {
  what_nobody_uses_is_found_page_by_page();
  a_page_that_cannot_be_read_is_asked_for_again();
  puts("ok: 2 tests");
}
