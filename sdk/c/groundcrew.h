/* Groundcrew hooks in C: the words of the WIT as plain structs, the host's functions, and failures as values.
 *
 * A hook defines the functions of one kind, at the end of this file; what it defines is what its component exports.
 * Each call of it is a fresh instance: nothing is remembered in variables, and nothing needs to be freed.
 *
 * Texts end with a NUL and are UTF-8. A text that may be absent is NULL then; so is an optional struct or JSON value.
 */
#ifndef GROUNDCREW_H
#define GROUNDCREW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cjson/cJSON.h"

#define GROUNDCREW_VERSION "0.1.0"

/* ---- failures ---------------------------------------------------------------------------------------------------- */

/* Why a call did not succeed. A function that answers NULL instead succeeded. */
typedef struct hook_failure {
  const char *message; /* For people; no secrets. */
  bool lasting;        /* Only a person can mend it; every other failure is tried again with back-off. */
  uint32_t after_ms;   /* Not tried again before; 0: whenever. */
  int status;          /* Of the HTTP answer that is the reason; 0: another reason. */
} hook_failure;

/* Tried again later. */
hook_failure *hook_retry(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Only a person can mend it. */
hook_failure *hook_lasting(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Something that a person wrote (a label, the configuration) cannot be used: lasting, and says `invalid: ...`. */
hook_failure *hook_invalid(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What `inventory_scan` answers where the configuration names nothing to list by: the host takes the hook as one without an
 * inventory then. */
hook_failure *hook_no_inventory(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether an API answered 404. */
bool hook_is_missing(const hook_failure *failure);

/* Ends the function with the failure of a call, if it is one. */
#define HOOK_TRY(call)                                                                                                 \
  do {                                                                                                                 \
    hook_failure *hook_failure_ = (call);                                                                              \
    if (hook_failure_) return hook_failure_;                                                                           \
  } while (0)

/* ---- texts and JSON ---------------------------------------------------------------------------------------------- */

/* A new text. */
char *hook_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A text as it fits into one segment of a URL's path, or a value of its query. */
char *hook_segment(const char *text);
/* A part of a text between `/`, from 0: segment 2 of `fly/acme/web` is `web`. NULL where there is none. */
char *hook_part(const char *path, size_t index);

/* A new object of names and values, `hook_object("name", hook_string(key), "size", cJSON_CreateNumber(3))`. */
#define hook_object(...) hook_object_((const char *)NULL, __VA_ARGS__, (const char *)NULL)
cJSON *hook_object_(const char *unused, ...) __attribute__((sentinel));
/* A JSON string, or null of no text. */
cJSON *hook_string(const char *text);
/* A field's text; NULL where it is absent, null or no string. */
const char *hook_text(const cJSON *object, const char *name);
/* A field's text; a failure (`retry`) where it is absent or no string. */
hook_failure *hook_need_text(const cJSON *object, const char *name, const char **into);
/* A field's truth; false where it is absent or no boolean. */
bool hook_truth(const cJSON *object, const char *name);
/* A field's number; a failure (`retry`) where it is absent or no number. Integers beyond 2^53 lose their last digits. */
hook_failure *hook_need_number(const cJSON *object, const char *name, double *into);
/* A field's list, for `cJSON_ArrayForEach`; a failure (`retry`) where it is absent or no array: what an API does not list is
   not known to be nothing. */
hook_failure *hook_need_array(const cJSON *object, const char *name, const cJSON **into);

/* ---- the host ---------------------------------------------------------------------------------------------------- */

/* The stanza's `config`, templates filled in. */
const cJSON *hook_config(void);
/* A token that becomes the secret's value on the way out, where the grant says. */
hook_failure *hook_secret(const char *name, const char **token);

/* How loud a note is. */
typedef enum { HOOK_DEBUG, HOOK_INFO, HOOK_WARN, HOOK_ERROR } hook_level;
/* Keeps a note with the run. */
void hook_log(hook_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends one request and reads the JSON of its answer, in one line:
 *
 *     HOOK_TRY(hook_json("POST", url, body, &answer, "idempotency-key", event->id));
 *
 * The body may be NULL, and so may the place of the answer; an empty answer is NULL, and so is that of a 204 or 205. What
 * follows are names and values of headers. A status other than 2xx is a failure that knows whether to try again; an
 * answer that is no JSON is one that shows its first 80 bytes. */
#define hook_json(method, url, body, ...) hook_json_((method), (url), (body), __VA_ARGS__, (const char *)NULL)
hook_failure *hook_json_(const char *method, const char *url, const cJSON *body, cJSON **into, ...)
    __attribute__((sentinel));

/* Two texts: a header, an output. */
typedef struct {
  const char *name;
  const char *value;
} hook_pair;

/* Bytes, with a NUL after them that does not count. */
typedef struct {
  const char *data; /* NULL: there are none. */
  size_t length;
} hook_bytes;

/* What is sent. */
typedef struct {
  const char *method; /* Upper case. */
  const char *url;    /* Absolute; what the stanza's grants allow. */
  const hook_pair *headers;
  size_t header_count;
  hook_bytes body;          /* At most 4 MiB. */
  const char *const *seal;  /* JSON pointers into the answer: the host shows tokens instead. */
  size_t seal_count;
} hook_request;

/* What came back. */
typedef struct {
  int status;
  hook_pair *headers; /* Names in lower case. */
  size_t header_count;
  hook_bytes body;
} hook_response;

/* Sends one request. Any status is an answer; a failure says that none came, or that a grant is missing. */
hook_failure *hook_send(const hook_request *request, hook_response *response);

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* Whom a thing is for. */
typedef struct {
  const char *path; /* `fly/{org}/{app}` or `fly/{org}/{app}/{machine}`. An address: it may be reused. */
  const char *id;   /* The platform's id of this incarnation. Never reused. */
} hook_owner;

/* An app or a machine as last seen. */
typedef struct {
  const char *path;
  const char *id;
  const char *state; /* The platform's own word; `gone` once its end is confirmed. */
  cJSON *labels;     /* One object: `region`, `image`, `metadata.*`, and what the operator's label sources add. */
} hook_subject;

/* Subjects, and the cursor of the next page or NULL. */
typedef struct {
  hook_subject *items;
  size_t count;
  const char *next;
} hook_subjects;

/* How a thing is. */
typedef enum { HOOK_READY, HOOK_PENDING, HOOK_REMOVING, HOOK_FAILED } hook_state;

/* What exists outside, as found. */
typedef struct {
  const char *id; /* The API's own id, enough to find it again. */
  hook_state state;
  const char *note; /* For people: why it has failed, what it waits for. */
  uint32_t poll_ms; /* When to look again at one that is pending or removing; 0: the host decides. */
  cJSON *body;      /* As observed, in the shape of the spec's body. */
  const char *mark; /* The mark found on it. The host decides whether that is ours. */
  hook_pair *outputs;
  size_t output_count;
  const char *made; /* When the API says it was made, RFC 3339. Needed for kinds of class `anonymous`. */
} hook_thing;

/* Things that were found. */
typedef struct {
  hook_thing *items;
  size_t count;
} hook_things;
void hook_add_thing(hook_things *things, hook_thing thing);

/* ---- a handler tells --------------------------------------------------------------------------------------------- */

/* What happened, once, to one subject or to none. */
typedef struct {
  const char *id;   /* The same over redelivery: use it as the idempotency key. */
  const char *kind; /* `machine.started`, `tick`, or a foreign CloudEvents type. */
  const char *time; /* RFC 3339. */
  hook_subject *subject;
  cJSON *data;
} hook_event;

/* Told at least once, in order for each app and machine. */
hook_failure *handler_handle(const hook_event *event);

/* ---- a provisioner makes ----------------------------------------------------------------------------------------- */

/* One output of one thing. */
typedef struct {
  const char *owner; /* The path of the thing's owner. */
  const char *hook;
  const char *kind;
  const char *key;
  hook_pair output;
} hook_input;

/* Filled only with what the manifest `watches`; the rest is empty. */
typedef struct {
  hook_subject owner;
  hook_subject *app; /* Of a machine: its app. */
  hook_subject *members;
  size_t member_count;
  hook_input *inputs;
  size_t input_count;
} hook_view;

/* One thing that should exist. */
typedef struct {
  const char *kind;
  const char *key; /* Its name in the outside world, unique per target and kind. */
  cJSON *body;
  const char *const *after; /* `kind/key` of things that must be ready before, and removed after, this one. */
  size_t after_count;
} hook_spec;

/* Things that should exist. */
typedef struct {
  hook_spec *items;
  size_t count;
} hook_specs;
void hook_add_spec(hook_specs *specs, hook_spec spec);

/* A spec handed back with what the host knows. Same for every repetition of one creation. */
typedef struct {
  hook_owner owner;
  const char *kind;
  const char *key;
  cJSON *body;
  const char *name; /* 26 characters of [a-z0-9] that nobody else chooses. */
  const char *once; /* For an `Idempotency-Key` header. */
  const char *mark; /* To be put on the thing, in the same request as the thing itself. */
  const char *id;   /* The thing's id, once known. */
} hook_want;

/* What should exist for one owner. Pure: no HTTP. A failure changes nothing; no specs mean nothing. */
hook_failure *provision_desired(const hook_view *view, hook_specs *specs);
/* Reads only. With `want->id`: that thing or none. Without: everything that could be it, whoever's it is. */
hook_failure *provision_find(const hook_want *want, hook_things *found);
/* Makes one. If it fails after a write has left, the host calls `provision_find` and decides. */
hook_failure *provision_create(const hook_want *want, hook_thing *made);
/* Changes one; `now` was found moments ago. */
hook_failure *provision_update(const hook_want *want, const hook_thing *now, hook_thing *made);
/* Removes one. `left` stays empty if it is gone, also when it was gone before; filled: it is being removed. */
hook_failure *provision_remove(const hook_want *want, const hook_thing *now, hook_thing *left);

/* One thing of a listing; the key where the thing shows one. */
typedef struct {
  const char *kind;
  const char *key;
  hook_thing thing;
} hook_listed;

/* A part of the listing, and the cursor of the next or NULL. */
typedef struct {
  hook_listed *items;
  size_t count;
  const char *next;
} hook_listing;
void hook_add_listed(hook_listing *listing, hook_listed listed);

/* Optional: everything of the hook's kinds at its target, ours or not. At most 1,000 a page. Kinds that live in their
 * owner are scanned owner by owner, the others once, with NULL. */
hook_failure *inventory_scan(const hook_owner *owner, const char *cursor, hook_listing *page);

/* ---- an auditor looks -------------------------------------------------------------------------------------------- */

/* How bad a finding is. */
typedef enum { HOOK_NOTICE, HOOK_WARNING, HOOK_CRITICAL } hook_severity;

/* Something that an audit noticed. `code` and `about` are its identity from day to day. */
typedef struct {
  const char *code;
  hook_owner *subject; /* Whom it concerns, or NULL. */
  const char *about;   /* `kind/id` of an outside thing, or the subject's path. */
  hook_severity severity;
  const char *message;
  uint32_t cost_cents; /* US cents a month; 0: not known. */
  const char *remedy;  /* What would mend it, in words. */
  cJSON *data;         /* Evidence; handed back to `remedy_fix`. */
} hook_finding;

/* A part of a run's findings, and the cursor of the next or NULL. */
typedef struct {
  hook_finding *items;
  size_t count;
  const char *next;
} hook_findings;
void hook_add_finding(hook_findings *findings, hook_finding finding);

/* One page; the cursor is NULL at the start of a run. Reads only. */
hook_failure *audit_run(const char *cursor, hook_findings *page);

/* What became of a finding. */
typedef enum { HOOK_FIXED, HOOK_NO_LONGER_TRUE, HOOK_NOT_NOW } hook_outcome;
/* Optional: mends one finding. Must look again before it acts. */
hook_failure *remedy_fix(const hook_finding *finding, hook_outcome *outcome);

/* ---- handlers and auditors only ---------------------------------------------------------------------------------- */

/* One living subject, or NULL if there is none within the hook's scope. */
hook_subject *hook_fleet_get(const char *path);
/* Living subjects directly below a path, by path, 500 a page; the cursor is NULL at the start. */
hook_subjects hook_fleet_below(const char *path, const char *cursor);

/* How long an app's machines of one size ran in a month. */
typedef struct {
  /* JSON: what they ran on, as the platform's configuration has it; null where it was not told. */
  const char *guest;
  /* The platform's word for where they ran; empty where it was not told. */
  const char *region;
  /* Of all of them together; of those in `unseen` nobody knows whether they ran. */
  double seconds, unseen;
} hook_running_time;

/* So many of them. */
typedef struct {
  hook_running_time *items;
  size_t count;
} hook_running_times;

/* How long the machines of a living app ran in a calendar month (UTC, 2026-11), by size: also those that are gone, and
   those that run until now. Twelve months are kept. */
hook_running_times hook_fleet_running(const char *app, const char *month);

/* What was last set under this key; `value->data` is NULL if nothing was. */
hook_failure *hook_kv_get(const char *key, hook_bytes *value);
/* Remembers at most 64 KiB under a key of at most 256 bytes; durable with the success of this run. */
hook_failure *hook_kv_set(const char *key, hook_bytes value);
/* Forgets a key. */
hook_failure *hook_kv_delete(const char *key);

#endif
