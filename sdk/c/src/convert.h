/* Between the words of groundcrew.h and those of the generated bindings. */
#ifndef GROUNDCREW_CONVERT_H
#define GROUNDCREW_CONVERT_H

#include "plain.h"
#include "wit.h"

/* From the host: copies, with a NUL at their ends. */
char *gc_text(wit_string_t text);
char *gc_maybe_text(wit_option_string_t text);
cJSON *gc_json(wit_string_t text);
hook_failure *gc_failure(const groundcrew_hook_types_failure_t *failure);
hook_subject gc_subject(const groundcrew_hook_types_subject_t *subject);
hook_owner gc_owner(const groundcrew_hook_types_owner_t *owner);
hook_pair *gc_outputs(const groundcrew_hook_types_list_output_t *outputs);
hook_thing gc_thing(const groundcrew_hook_types_thing_t *thing);
hook_finding gc_finding(const groundcrew_hook_types_finding_t *finding);

/* To the host: copies of which the bindings dispose. Bytes that are no UTF-8 become `?`. */
wit_string_t wit_of_text(const char *text);
wit_option_string_t wit_of_maybe(const char *text);
wit_option_u32_t wit_of_number(uint32_t number);
wit_string_t wit_of_json(const cJSON *json);
/* What the function of a hook answers with: fills `err` and answers false, unless there is no failure. */
bool wit_of_failure(const hook_failure *failure, groundcrew_hook_types_failure_t *err);
/* A failure if a field is missing that must be there. */
hook_failure *wit_of_thing(const hook_thing *thing, groundcrew_hook_types_thing_t *into);
hook_failure *wit_of_finding(const hook_finding *finding, groundcrew_hook_types_finding_t *into);

/* Ends the function with a failure where a text that the host needs is NULL. */
#define GC_NEED(text, what)                                                                                            \
  do {                                                                                                                 \
    if (!(text)) return hook_retry("the hook answered %s", what);                                                      \
  } while (0)

#endif
