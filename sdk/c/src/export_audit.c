/* Calls the hook's `audit_run`. */
#include "convert.h"

static hook_failure *run(const char *cursor, exports_groundcrew_hook_audit_page_t *ret) {
  hook_findings page = {0};
  HOOK_TRY(audit_run(cursor, &page));
  ret->findings.ptr = gc_new(page.count, sizeof *ret->findings.ptr);
  ret->findings.len = page.count;
  for (size_t i = 0; i < page.count; i++) HOOK_TRY(wit_of_finding(&page.items[i], &ret->findings.ptr[i]));
  ret->next = wit_of_maybe(page.next);
  return NULL;
}

bool exports_groundcrew_hook_audit_run(wit_string_t *maybe_cursor, exports_groundcrew_hook_audit_page_t *ret,
                                       exports_groundcrew_hook_audit_failure_t *err) {
  return wit_of_failure(run(maybe_cursor ? gc_text(*maybe_cursor) : NULL, ret), err);
}
