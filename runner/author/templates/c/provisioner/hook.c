/* One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks. */
#include <groundcrew.h>
#include <string.h>

/* One request below `/things`. */
static hook_failure *call(const char *method, const char *rest, const cJSON *body, cJSON **answer) {
  /* The stanza's `config`, as hook.toml describes it. */
  const char *server;
  HOOK_TRY(hook_need_text(hook_config(), "server", &server));
  return hook_json(method, hook_format("%s/things%s", server, rest), body, answer);
}

/* How a thing should be, and is: what hook.toml's schema of the kind says. */
static cJSON *body_of(const cJSON *row) { return hook_object("value", hook_string(hook_text(row, "value"))); }

static hook_failure *show(const cJSON *row, hook_thing *thing) {
  *thing = (hook_thing){.body = body_of(row), .mark = hook_text(row, "mark")};
  return hook_need_text(row, "id", &thing->id);
}

/* What should exist for one app. Pure: no HTTP here. No specs say that nothing should. */
hook_failure *provision_desired(const hook_view *view, hook_specs *specs) {
  const char *app = hook_part(view->owner.path, 2);
  cJSON *body = hook_object("value", hook_string(hook_text(view->owner.labels, "plan")));
  hook_add_spec(specs, (hook_spec){.kind = "thing", .key = app, .body = body});
  return NULL;
}

/* Everything that could be it, whoever's it is: the host judges. Never filter by mark here. */
hook_failure *provision_find(const hook_want *want, hook_things *found) {
  const char *named = hook_format("?name=%s", hook_segment(want->key)), *page = named;
  while (page) {
    cJSON *answer;
    HOOK_TRY(call("GET", page, NULL, &answer));
    const cJSON *items, *row;
    HOOK_TRY(hook_need_array(answer, "items", &items));
    cJSON_ArrayForEach(row, items) {
      hook_thing thing;
      HOOK_TRY(show(row, &thing));
      /* With an id: that thing or none. */
      if (!want->id || strcmp(want->id, thing.id) == 0) hook_add_thing(found, thing);
    }
    /* Of all that have this name, ours may be on the last page. */
    const char *next = hook_text(answer, "next");
    page = next ? hook_format("%s&after=%s", named, hook_segment(next)) : NULL;
  }
  return NULL;
}

/* The mark goes into the same request as the thing. If this fails, the host calls `provision_find` and decides. */
hook_failure *provision_create(const hook_want *want, hook_thing *made) {
  cJSON *body = body_of(want->body), *answer;
  cJSON_AddStringToObject(body, "name", want->key);
  cJSON_AddStringToObject(body, "mark", want->mark);
  HOOK_TRY(call("POST", "", body, &answer));
  return show(answer, made);
}

/* `now` was found moments ago. */
hook_failure *provision_update(const hook_want *want, const hook_thing *now, hook_thing *made) {
  cJSON *body = body_of(want->body), *answer;
  cJSON_AddStringToObject(body, "mark", want->mark);
  HOOK_TRY(call("PUT", hook_format("/%s", hook_segment(now->id)), body, &answer));
  return show(answer, made);
}

/* `left` stays empty: it is gone, also when it was gone before. */
hook_failure *provision_remove(const hook_want *want, const hook_thing *now, hook_thing *left) {
  hook_failure *failure = call("DELETE", hook_format("/%s", hook_segment(now->id)), NULL, NULL);
  return hook_is_missing(failure) ? NULL : failure;
}

/* Optional: with it, orphans are found, and a lost ledger can be recovered. */
hook_failure *inventory_scan(const hook_owner *owner, const char *cursor, hook_listing *page) {
  cJSON *answer;
  HOOK_TRY(call("GET", cursor ? hook_format("?after=%s", hook_segment(cursor)) : "", NULL, &answer));
  const cJSON *items, *row;
  HOOK_TRY(hook_need_array(answer, "items", &items));
  cJSON_ArrayForEach(row, items) {
    hook_listed listed = {.kind = "thing", .key = hook_text(row, "name")};
    HOOK_TRY(show(row, &listed.thing));
    hook_add_listed(page, listed);
  }
  page->next = hook_text(answer, "next");
  return NULL;
}
