/* Posts every event as JSON to `{config.server}/events`, with the event's id as idempotency key. */
#include <groundcrew.h>

/* Told at least once, in order for each app and machine. A failure is told again later, with the same id. */
hook_failure *handler_handle(const hook_event *event) {
  /* The stanza's `config`, as hook.toml describes it. */
  const char *server;
  HOOK_TRY(hook_need_text(hook_config(), "server", &server));
  cJSON *body = hook_object("id", hook_string(event->id), "kind", hook_string(event->kind), "time",
                            hook_string(event->time), "about",
                            hook_string(event->subject ? event->subject->path : NULL));
  /* Whoever is told twice can know it by the key. */
  return hook_json("POST", hook_format("%s/events", server), body, NULL, "idempotency-key", event->id);
}
