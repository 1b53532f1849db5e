/* Calls the hook's `inventory_scan`. */
#include "convert.h"

static hook_failure *scan(const hook_owner *owner, const char *cursor,
                          exports_groundcrew_hook_inventory_page_t *ret) {
  hook_listing page = {0};
  HOOK_TRY(inventory_scan(owner, cursor, &page));
  ret->things.ptr = gc_new(page.count, sizeof *ret->things.ptr);
  ret->things.len = page.count;
  for (size_t i = 0; i < page.count; i++) {
    GC_NEED(page.items[i].kind, "a listed thing without a kind");
    ret->things.ptr[i].kind = wit_of_text(page.items[i].kind);
    ret->things.ptr[i].key = wit_of_maybe(page.items[i].key);
    HOOK_TRY(wit_of_thing(&page.items[i].thing, &ret->things.ptr[i].thing));
  }
  ret->next = wit_of_maybe(page.next);
  return NULL;
}

bool exports_groundcrew_hook_inventory_scan(exports_groundcrew_hook_inventory_owner_t *maybe_owner,
                                            wit_string_t *maybe_cursor, exports_groundcrew_hook_inventory_page_t *ret,
                                            exports_groundcrew_hook_inventory_failure_t *err) {
  hook_owner owner;
  if (maybe_owner) owner = gc_owner(maybe_owner);
  const char *cursor = maybe_cursor ? gc_text(*maybe_cursor) : NULL;
  return wit_of_failure(scan(maybe_owner ? &owner : NULL, cursor, ret), err);
}
