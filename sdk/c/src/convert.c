/* Between the words of groundcrew.h and those of the generated bindings. */
#include "convert.h"

#include <string.h>

char *gc_text(wit_string_t text) {
  char *copy = gc_new(text.len + 1, 1);
  if (text.len) memcpy(copy, text.ptr, text.len);
  return copy;
}

char *gc_maybe_text(wit_option_string_t text) { return text.is_some ? gc_text(text.val) : NULL; }

cJSON *gc_json(wit_string_t text) { return cJSON_ParseWithLength((const char *)text.ptr, text.len); }

hook_failure *gc_failure(const groundcrew_hook_types_failure_t *failure) {
  hook_failure *copy = hook_retry("%s", gc_text(failure->message));
  copy->lasting = !failure->retry;
  if (failure->after_ms.is_some) copy->after_ms = failure->after_ms.val;
  return copy;
}

hook_owner gc_owner(const groundcrew_hook_types_owner_t *owner) {
  return (hook_owner){gc_text(owner->path), gc_text(owner->id)};
}

hook_subject gc_subject(const groundcrew_hook_types_subject_t *subject) {
  return (hook_subject){
      .path = gc_text(subject->path),
      .id = gc_text(subject->id),
      .state = gc_text(subject->state),
      .labels = gc_json(subject->labels),
  };
}

hook_pair *gc_outputs(const groundcrew_hook_types_list_output_t *outputs) {
  hook_pair *copies = gc_new(outputs->len, sizeof *copies);
  for (size_t i = 0; i < outputs->len; i++) {
    copies[i] = (hook_pair){gc_text(outputs->ptr[i].name), gc_text(outputs->ptr[i].value)};
  }
  return copies;
}

/* The host's order, in which `pending` is the first. */
static const hook_state STATES[] = {HOOK_PENDING, HOOK_READY, HOOK_REMOVING, HOOK_FAILED};

hook_thing gc_thing(const groundcrew_hook_types_thing_t *thing) {
  return (hook_thing){
      .id = gc_text(thing->id),
      .state = STATES[thing->state],
      .note = gc_maybe_text(thing->note),
      .poll_ms = thing->poll_ms.is_some ? thing->poll_ms.val : 0,
      .body = gc_json(thing->body),
      .mark = gc_maybe_text(thing->mark),
      .outputs = gc_outputs(&thing->outputs),
      .output_count = thing->outputs.len,
      .made = gc_maybe_text(thing->made),
  };
}

hook_finding gc_finding(const groundcrew_hook_types_finding_t *finding) {
  hook_finding copy = {
      .code = gc_text(finding->code),
      .about = gc_text(finding->about),
      .severity = (hook_severity)finding->severity,
      .message = gc_text(finding->message),
      .cost_cents = finding->cost_cents.is_some ? finding->cost_cents.val : 0,
      .remedy = gc_maybe_text(finding->remedy),
      .data = gc_json(finding->data),
  };
  if (finding->subject.is_some) {
    copy.subject = gc_new(1, sizeof *copy.subject);
    *copy.subject = gc_owner(&finding->subject.val);
  }
  return copy;
}

/* The length of the character that begins here, or 0 if none does (RFC 3629: no surrogates, nothing overlong). */
static size_t character(const unsigned char *at) {
  if (at[0] < 0x80) return 1;
  size_t length = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
  unsigned char least = at[0] == 0xE0 ? 0xA0 : at[0] == 0xF0 ? 0x90 : 0x80;
  unsigned char most = at[0] == 0xED ? 0x9F : at[0] == 0xF4 ? 0x8F : 0xBF;
  if (at[0] < 0xC2 || at[0] > 0xF4 || at[1] < least || at[1] > most) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((at[i] & 0xC0) != 0x80) return 0;
  }
  return length;
}

wit_string_t wit_of_text(const char *text) {
  wit_string_t copy;
  wit_string_dup(&copy, text);
  /* The host ends a run that answers with other bytes. A NUL ends the search: it continues no character. */
  const unsigned char *from = (const unsigned char *)text;
  for (size_t at = 0; at < copy.len;) {
    size_t length = character(from + at);
    if (!length) copy.ptr[at] = '?';
    at += length ? length : 1;
  }
  return copy;
}

wit_option_string_t wit_of_maybe(const char *text) {
  if (!text) return (wit_option_string_t){0};
  return (wit_option_string_t){.is_some = true, .val = wit_of_text(text)};
}

wit_option_u32_t wit_of_number(uint32_t number) { return (wit_option_u32_t){number != 0, number}; }

wit_string_t wit_of_json(const cJSON *json) { return wit_of_text(json ? cJSON_PrintUnformatted(json) : "null"); }

bool wit_of_failure(const hook_failure *failure, groundcrew_hook_types_failure_t *err) {
  if (!failure) return true;
  *err = (groundcrew_hook_types_failure_t){
      .message = wit_of_text(failure->message ? failure->message : "the hook failed and did not say why"),
      .retry = !failure->lasting,
      .after_ms = wit_of_number(failure->after_ms),
  };
  return false;
}

static groundcrew_hook_types_thing_state_t state_of(hook_state state) {
  for (groundcrew_hook_types_thing_state_t i = 0; i < 4; i++) {
    if (STATES[i] == state) return i;
  }
  return GROUNDCREW_HOOK_TYPES_THING_STATE_FAILED;
}

hook_failure *wit_of_thing(const hook_thing *thing, groundcrew_hook_types_thing_t *into) {
  GC_NEED(thing->id, "a thing without an id");
  *into = (groundcrew_hook_types_thing_t){
      .id = wit_of_text(thing->id),
      .state = state_of(thing->state),
      .note = wit_of_maybe(thing->note),
      .poll_ms = wit_of_number(thing->poll_ms),
      .body = wit_of_json(thing->body),
      .mark = wit_of_maybe(thing->mark),
      .outputs = {gc_new(thing->output_count, sizeof *into->outputs.ptr), thing->output_count},
      .made = wit_of_maybe(thing->made),
  };
  for (size_t i = 0; i < thing->output_count; i++) {
    GC_NEED(thing->outputs[i].name && thing->outputs[i].value, "an output without a name or value");
    into->outputs.ptr[i].name = wit_of_text(thing->outputs[i].name);
    into->outputs.ptr[i].value = wit_of_text(thing->outputs[i].value);
  }
  return NULL;
}

hook_failure *wit_of_finding(const hook_finding *finding, groundcrew_hook_types_finding_t *into) {
  GC_NEED(finding->code && finding->about && finding->message, "a finding without a code, about or message");
  *into = (groundcrew_hook_types_finding_t){
      .code = wit_of_text(finding->code),
      .about = wit_of_text(finding->about),
      .severity = (groundcrew_hook_types_severity_t)finding->severity,
      .message = wit_of_text(finding->message),
      .cost_cents = wit_of_number(finding->cost_cents),
      .remedy = wit_of_maybe(finding->remedy),
      .data = wit_of_json(finding->data),
  };
  if (finding->subject) {
    GC_NEED(finding->subject->path && finding->subject->id, "a finding whose subject has no path or id");
    into->subject.is_some = true;
    into->subject.val.path = wit_of_text(finding->subject->path);
    into->subject.val.id = wit_of_text(finding->subject->id);
  }
  return NULL;
}
