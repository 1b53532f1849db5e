/* Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`. */
#include <groundcrew.h>

/* A finding is known from day to day by `code` and `about`; one that a run no longer reports resolves itself. */
static hook_failure *report(const cJSON *row, hook_findings *page) {
  const char *id;
  HOOK_TRY(hook_need_text(row, "id", &id));
  const cJSON *cents = cJSON_GetObjectItemCaseSensitive(row, "cents");
  hook_add_finding(page, (hook_finding){
                             .code = "thing.idle",
                             .about = hook_format("thing/%s", id),
                             .severity = HOOK_WARNING,
                             .message = "nobody uses it",
                             .cost_cents = cJSON_IsNumber(cents) ? (uint32_t)cents->valuedouble : 0,
                             .remedy = "delete it, if nobody misses it",
                             .data = hook_object("id", hook_string(id)),
                         });
  return NULL;
}

/* One page; the cursor is NULL at the start. Reads only. A failure is asked for again later. */
hook_failure *audit_run(const char *cursor, hook_findings *page) {
  /* The stanza's `config`, as hook.toml describes it. */
  const char *server;
  HOOK_TRY(hook_need_text(hook_config(), "server", &server));
  const char *after = cursor ? hook_format("?after=%s", hook_segment(cursor)) : "";
  cJSON *answer;
  HOOK_TRY(hook_json("GET", hook_format("%s/things%s", server, after), NULL, &answer));
  const cJSON *items, *row;
  HOOK_TRY(hook_need_array(answer, "items", &items));
  cJSON_ArrayForEach(row, items) {
    if (!hook_truth(row, "used")) HOOK_TRY(report(row, page));
  }
  page->next = hook_text(answer, "next");
  return NULL;
}
