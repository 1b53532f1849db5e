/* Calls the hook's `handler_handle`. */
#include "convert.h"

bool exports_groundcrew_hook_handler_handle(exports_groundcrew_hook_handler_event_t *event,
                                            exports_groundcrew_hook_handler_failure_t *err) {
  hook_event happened = {
      .id = gc_text(event->id),
      .kind = gc_text(event->kind),
      .time = gc_text(event->time),
      .data = gc_json(event->data),
  };
  hook_subject subject;
  if (event->subject.is_some) {
    subject = gc_subject(&event->subject.val);
    happened.subject = &subject;
  }
  return wit_of_failure(handler_handle(&happened), err);
}
