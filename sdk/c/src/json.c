/* JSON, on top of cJSON. */
#include "plain.h"

cJSON *hook_object_(const char *unused, ...) {
  (void)unused;
  cJSON *object = cJSON_CreateObject();
  va_list pairs;
  va_start(pairs, unused);
  for (const char *name = va_arg(pairs, const char *); name; name = va_arg(pairs, const char *)) {
    cJSON *value = va_arg(pairs, cJSON *);
    cJSON_AddItemToObject(object, name, value ? value : cJSON_CreateNull());
  }
  va_end(pairs);
  return object;
}

cJSON *hook_string(const char *text) { return text ? cJSON_CreateString(text) : cJSON_CreateNull(); }

const char *hook_text(const cJSON *object, const char *name) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

hook_failure *hook_need_text(const cJSON *object, const char *name, const char **into) {
  *into = hook_text(object, name);
  return *into ? NULL : hook_retry("`%s` is absent or no string", name);
}

bool hook_truth(const cJSON *object, const char *name) {
  return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

hook_failure *hook_need_number(const cJSON *object, const char *name, double *into) {
  const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
  if (!cJSON_IsNumber(number)) return hook_retry("`%s` is absent or no number", name);
  *into = number->valuedouble;
  return NULL;
}

hook_failure *hook_need_array(const cJSON *object, const char *name, const cJSON **into) {
  *into = cJSON_GetObjectItemCaseSensitive(object, name);
  return cJSON_IsArray(*into) ? NULL : hook_retry("`%s` is absent or no array", name);
}
