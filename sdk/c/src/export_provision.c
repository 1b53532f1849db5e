/* Calls the hook's `provision_*`. */
#include "convert.h"

static hook_input input_of(const exports_groundcrew_hook_provision_input_t *input) {
  return (hook_input){
      .owner = gc_text(input->owner),
      .hook = gc_text(input->hook),
      .kind = gc_text(input->kind),
      .key = gc_text(input->key),
      .output = {gc_text(input->output.name), gc_text(input->output.value)},
  };
}

static hook_view view_of(const exports_groundcrew_hook_provision_view_t *view) {
  hook_view copy = {
      .owner = gc_subject(&view->owner),
      .members = gc_new(view->members.len, sizeof *copy.members),
      .member_count = view->members.len,
      .inputs = gc_new(view->inputs.len, sizeof *copy.inputs),
      .input_count = view->inputs.len,
  };
  if (view->app.is_some) {
    copy.app = gc_new(1, sizeof *copy.app);
    *copy.app = gc_subject(&view->app.val);
  }
  for (size_t i = 0; i < copy.member_count; i++) copy.members[i] = gc_subject(&view->members.ptr[i]);
  for (size_t i = 0; i < copy.input_count; i++) copy.inputs[i] = input_of(&view->inputs.ptr[i]);
  return copy;
}

static hook_want want_of(const exports_groundcrew_hook_provision_want_t *want) {
  return (hook_want){
      .owner = gc_owner(&want->owner),
      .kind = gc_text(want->kind),
      .key = gc_text(want->key),
      .body = gc_json(want->body),
      .name = gc_text(want->name),
      .once = gc_text(want->once),
      .mark = gc_text(want->mark),
      .id = gc_maybe_text(want->id),
  };
}

static hook_failure *specs_of(const hook_specs *specs, exports_groundcrew_hook_provision_list_spec_t *ret) {
  ret->ptr = gc_new(specs->count, sizeof *ret->ptr);
  ret->len = specs->count;
  for (size_t i = 0; i < specs->count; i++) {
    const hook_spec *spec = &specs->items[i];
    GC_NEED(spec->kind && spec->key, "a spec without a kind or key");
    ret->ptr[i] = (exports_groundcrew_hook_provision_spec_t){
        .kind = wit_of_text(spec->kind),
        .key = wit_of_text(spec->key),
        .body = wit_of_json(spec->body),
        .after = {gc_new(spec->after_count, sizeof *ret->ptr[i].after.ptr), spec->after_count},
    };
    for (size_t n = 0; n < spec->after_count; n++) ret->ptr[i].after.ptr[n] = wit_of_text(spec->after[n]);
  }
  return NULL;
}

bool exports_groundcrew_hook_provision_desired(exports_groundcrew_hook_provision_view_t *view,
                                               exports_groundcrew_hook_provision_list_spec_t *ret,
                                               exports_groundcrew_hook_provision_failure_t *err) {
  hook_view copy = view_of(view);
  hook_specs specs = {0};
  hook_failure *failure = provision_desired(&copy, &specs);
  return wit_of_failure(failure ? failure : specs_of(&specs, ret), err);
}

static hook_failure *find(const hook_want *want, exports_groundcrew_hook_provision_list_thing_t *ret) {
  hook_things found = {0};
  HOOK_TRY(provision_find(want, &found));
  ret->ptr = gc_new(found.count, sizeof *ret->ptr);
  ret->len = found.count;
  for (size_t i = 0; i < found.count; i++) HOOK_TRY(wit_of_thing(&found.items[i], &ret->ptr[i]));
  return NULL;
}

bool exports_groundcrew_hook_provision_find(exports_groundcrew_hook_provision_want_t *want,
                                            exports_groundcrew_hook_provision_list_thing_t *ret,
                                            exports_groundcrew_hook_provision_failure_t *err) {
  hook_want copy = want_of(want);
  return wit_of_failure(find(&copy, ret), err);
}

bool exports_groundcrew_hook_provision_create(exports_groundcrew_hook_provision_want_t *want,
                                              exports_groundcrew_hook_provision_thing_t *ret,
                                              exports_groundcrew_hook_provision_failure_t *err) {
  hook_want copy = want_of(want);
  hook_thing made = {0};
  hook_failure *failure = provision_create(&copy, &made);
  return wit_of_failure(failure ? failure : wit_of_thing(&made, ret), err);
}

bool exports_groundcrew_hook_provision_update(exports_groundcrew_hook_provision_want_t *want,
                                              exports_groundcrew_hook_provision_thing_t *now,
                                              exports_groundcrew_hook_provision_thing_t *ret,
                                              exports_groundcrew_hook_provision_failure_t *err) {
  hook_want copy = want_of(want);
  hook_thing before = gc_thing(now), made = {0};
  hook_failure *failure = provision_update(&copy, &before, &made);
  return wit_of_failure(failure ? failure : wit_of_thing(&made, ret), err);
}

bool exports_groundcrew_hook_provision_remove(exports_groundcrew_hook_provision_want_t *want,
                                              exports_groundcrew_hook_provision_thing_t *now,
                                              exports_groundcrew_hook_provision_option_thing_t *ret,
                                              exports_groundcrew_hook_provision_failure_t *err) {
  hook_want copy = want_of(want);
  hook_thing before = gc_thing(now), left = {0};
  hook_failure *failure = provision_remove(&copy, &before, &left);
  ret->is_some = left.id != NULL;
  if (!failure && left.id) failure = wit_of_thing(&left, &ret->val);
  return wit_of_failure(failure, err);
}
