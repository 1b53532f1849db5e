// Posts every event five times; each post says a number that chance gave the run, and what was answered before.
// @ts-check

import { config, hook } from "@groundcrew/hook";

export const handler = hook(/** @type {import("@groundcrew/hook").Handler} */ ({
  async handle(event) {
    const [chance] = crypto.getRandomValues(new Uint32Array(1));
    let before = 0;
    for (let n = 1; n <= 5; n += 1) {
      const answer = await fetch(`${config().server}/events`, {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": `${event.id}-${n}` },
        body: JSON.stringify({ event: event.id, n, chance, before }),
      });
      before = answer.status;
    }
  },
}));
