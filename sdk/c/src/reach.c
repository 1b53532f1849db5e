/* What only handlers and auditors may call: the fleet, and a small memory. */
#include "convert.h"

hook_subject *hook_fleet_get(const char *path) {
  wit_string_t asked = wit_of_text(path);
  groundcrew_hook_types_subject_t found;
  if (!groundcrew_hook_fleet_get(&asked, &found)) return NULL;
  hook_subject *subject = gc_new(1, sizeof *subject);
  *subject = gc_subject(&found);
  return subject;
}

hook_subjects hook_fleet_below(const char *path, const char *cursor) {
  wit_string_t asked = wit_of_text(path), from = wit_of_text(cursor ? cursor : "");
  groundcrew_hook_fleet_page_t page;
  groundcrew_hook_fleet_below(&asked, cursor ? &from : NULL, &page);
  size_t count = page.subjects.len;
  hook_subjects subjects = {gc_new(count, sizeof *subjects.items), count, gc_maybe_text(page.next)};
  for (size_t i = 0; i < count; i++) subjects.items[i] = gc_subject(&page.subjects.ptr[i]);
  return subjects;
}

hook_running_times hook_fleet_running(const char *app, const char *month) {
  wit_string_t asked = wit_of_text(app), of = wit_of_text(month);
  groundcrew_hook_fleet_list_running_time_t found;
  groundcrew_hook_fleet_running(&asked, &of, &found);
  hook_running_times times = {gc_new(found.len, sizeof *times.items), found.len};
  for (size_t i = 0; i < found.len; i++) {
    groundcrew_hook_fleet_running_time_t *time = &found.ptr[i];
    times.items[i] = (hook_running_time){gc_text(time->guest), gc_text(time->region), time->seconds, time->unseen};
  }
  return times;
}

hook_failure *hook_kv_get(const char *key, hook_bytes *value) {
  wit_string_t asked = wit_of_text(key);
  wit_option_list_u8_t found;
  groundcrew_hook_types_failure_t failure;
  if (!groundcrew_hook_kv_get(&asked, &found, &failure)) return gc_failure(&failure);
  *value = (hook_bytes){0};
  if (found.is_some) {
    *value = (hook_bytes){gc_text((wit_string_t){found.val.ptr, found.val.len}), found.val.len};
  }
  return NULL;
}

hook_failure *hook_kv_set(const char *key, hook_bytes value) {
  wit_string_t asked = wit_of_text(key);
  wit_list_u8_t bytes = {(uint8_t *)value.data, value.length};
  groundcrew_hook_types_failure_t failure;
  return groundcrew_hook_kv_set(&asked, &bytes, &failure) ? NULL : gc_failure(&failure);
}

hook_failure *hook_kv_delete(const char *key) {
  wit_string_t asked = wit_of_text(key);
  groundcrew_hook_types_failure_t failure;
  return groundcrew_hook_kv_delete(&asked, &failure) ? NULL : gc_failure(&failure);
}
