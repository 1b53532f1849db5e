/* Calls the hook's `remedy_fix`. */
#include "convert.h"

bool exports_groundcrew_hook_remedy_fix(exports_groundcrew_hook_remedy_finding_t *finding,
                                        exports_groundcrew_hook_remedy_outcome_t *ret,
                                        exports_groundcrew_hook_remedy_failure_t *err) {
  hook_finding found = gc_finding(finding);
  hook_outcome outcome = HOOK_NOT_NOW;
  hook_failure *failure = remedy_fix(&found, &outcome);
  *ret = (exports_groundcrew_hook_remedy_outcome_t)outcome;
  return wit_of_failure(failure, err);
}
