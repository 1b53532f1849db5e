// Posts every event as JSON to `{config.server}/events`, with the event's id as idempotency key.
// @ts-check

import { config, hook, json } from "@groundcrew/hook";

// An error that is thrown becomes a failure with its text: the event is told again later.
export const handler = hook(/** @type {import("@groundcrew/hook").Handler} */ ({
  /** Told at least once, in order for each app and machine. */
  handle(event) {
    const { id, kind, time, subject } = event;
    const body = { id, kind, time, about: subject?.path ?? null };
    // Whoever is told twice can know it by the key.
    json("POST", `${config().server}/events`, body, { headers: { "idempotency-key": id } });
  },
}));
