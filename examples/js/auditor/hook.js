// Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`.
// @ts-check

import { config, hook, json } from "@groundcrew/hook";

/**
 * A finding is known from day to day by `code` and `about`; one that a run no longer reports resolves itself.
 * @returns {import("@groundcrew/hook").Finding}
 */
const finding = (row) => ({
  code: "thing.idle",
  about: `thing/${row.id}`,
  severity: "warning",
  message: "nobody uses it",
  costCents: row.cents,
  remedy: "delete it, if nobody misses it",
  data: JSON.stringify({ id: row.id }),
});

// An error that is thrown becomes a failure with its text: the page is asked for again later.
export const audit = hook(/** @type {import("@groundcrew/hook").Audit} */ ({
  /** One page; `cursor` is undefined at the start. Reads only. */
  run(cursor) {
    const after = cursor === undefined ? "" : `?after=${encodeURIComponent(cursor)}`;
    const page = json("GET", `${config().server}/things${after}`);
    return { findings: page.items.filter((row) => !row.used).map(finding), next: page.next };
  },
}));
