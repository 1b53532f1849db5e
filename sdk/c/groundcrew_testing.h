/* A host for tests that run natively: it answers a hook as a test says, and keeps what the hook asked.
 *
 *     cc -std=gnu11 -I.groundcrew/sdk/c hook.c tests/hook_test.c .groundcrew/sdk/c/testing.c -o hook_test
 *
 * A test calls the hook's functions, and asserts what they made and sent. `hook_json`, texts, JSON and failures are the
 * component's own. What only the real host does is for `groundcrew test` and `groundcrew prove`: grants, schemas, limits,
 * tokens that become secrets, and texts that are no UTF-8.
 */
#ifndef GROUNDCREW_TESTING_H
#define GROUNDCREW_TESTING_H

#include "groundcrew.h"

/* Forgets everything below: what was said, sent and remembered. */
void hook_test_begin(void);

/* What `hook_config()` answers from now on: JSON. Without one it is an empty object. */
void hook_test_config(const char *json);

/* Answers a request; the first answer goes to the first request. A body that is NULL is empty. Headers are names and
 * values. A request without an answer ends the test, with its method and URL. */
#define hook_test_answer(status, ...) hook_test_answer_((status), __VA_ARGS__, (const char *)NULL)
void hook_test_answer_(int status, const char *body, ...) __attribute__((sentinel));

/* How many requests were sent. */
size_t hook_test_count(void);
/* One that was sent, from 0; the test ends if it was not. */
const hook_request *hook_test_sent(size_t index);
/* Whether a request has this method, URL and body; NULL: no body. What differs is printed. */
bool hook_test_is(const hook_request *request, const char *method, const char *url, const char *body);
/* The value of a request's header, or NULL. */
const char *hook_test_header(const hook_request *request, const char *name);

/* Lets a subject live: `hook_fleet_get` and `hook_fleet_below` know it from now on. */
void hook_test_lives(hook_subject subject);
/* What `hook_fleet_running` answers, whatever is asked. */
void hook_test_ran(hook_running_times times);

#endif
