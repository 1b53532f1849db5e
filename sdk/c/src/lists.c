/* Lists that a hook fills. */
#include "plain.h"

void hook_add_thing(hook_things *things, hook_thing thing) {
  things->items = gc_grown(things->items, things->count, sizeof thing);
  things->items[things->count++] = thing;
}

void hook_add_spec(hook_specs *specs, hook_spec spec) {
  specs->items = gc_grown(specs->items, specs->count, sizeof spec);
  specs->items[specs->count++] = spec;
}

void hook_add_listed(hook_listing *listing, hook_listed listed) {
  listing->items = gc_grown(listing->items, listing->count, sizeof listed);
  listing->items[listing->count++] = listed;
}

void hook_add_finding(hook_findings *findings, hook_finding finding) {
  findings->items = gc_grown(findings->items, findings->count, sizeof finding);
  findings->items[findings->count++] = finding;
}
