/* What needs no host, natively, after `groundcrew build`: `make test`. */
#include <groundcrew_testing.h>

#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <string.h>

static void one_thing_per_app_with_its_plan(const char *labels, const char *body) {
  hook_view view = {.owner = {.path = "fly/acme/cust-7", .id = "app:1", .labels = cJSON_Parse(labels)}};
  hook_specs wanted = {0};
  assert(provision_desired(&view, &wanted) == NULL && wanted.count == 1);
  assert(strcmp(wanted.items[0].kind, "thing") == 0 && strcmp(wanted.items[0].key, "cust-7") == 0);
  assert(strcmp(cJSON_PrintUnformatted(wanted.items[0].body), body) == 0);
}

static void everything_of_the_name_is_found_or_what_has_the_id(void) {
  hook_want want = {.kind = "thing", .key = "cust-7"};
  for (int is_known = 0; is_known <= 1; is_known++) {
    hook_test_begin();
    hook_test_config("{\"server\": \"https://api.example\"}");
    hook_test_answer(200, "{\"items\": [{\"id\": \"t1\", \"value\": \"pro\", \"mark\": \"m\"}, {\"id\": \"t2\"}]}");
    want.id = is_known ? "t2" : NULL;
    hook_things found = {0};
    assert(provision_find(&want, &found) == NULL);
    assert(hook_test_is(hook_test_sent(0), "GET", "https://api.example/things?name=cust-7", NULL));
    assert(found.count == (is_known ? 1 : 2) && strcmp(found.items[found.count - 1].id, "t2") == 0);
  }
}

static void what_is_gone_is_removed(void) {
  hook_test_begin();
  hook_test_config("{\"server\": \"https://api.example\"}");
  hook_test_answer(404, NULL);
  hook_thing left = {0};
  assert(provision_remove(&(hook_want){.key = "cust-7"}, &(hook_thing){.id = "t1"}, &left) == NULL);
  assert(hook_test_is(hook_test_sent(0), "DELETE", "https://api.example/things/t1", NULL) && left.id == NULL);
}

int main(void) {
  one_thing_per_app_with_its_plan("{\"plan\": \"pro\"}", "{\"value\":\"pro\"}");
  one_thing_per_app_with_its_plan("{}", "{\"value\":null}");
  everything_of_the_name_is_found_or_what_has_the_id();
  what_is_gone_is_removed();
  puts("ok: 4 tests");
}
