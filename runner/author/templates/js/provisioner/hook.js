// One thing per app at a plain JSON REST API: `{config.server}/things`, things with names and marks.
// @ts-check

import { config, hook, json, pages, spec, thing } from "@groundcrew/hook";

const url = (rest = "") => `${config().server}/things${rest}`;
const shown = (row) => thing(row.id, { value: row.value }, { mark: row.mark });

// Every call is a fresh instance and may be repeated at any time; an error is tried again later.
export const provision = hook(/** @type {import("@groundcrew/hook").Provision} */ ({
  /** What should exist for one app. Pure: no HTTP here. An empty list means that nothing should. */
  desired(view) {
    const app = view.owner.path.split("/")[2];
    return [spec("thing", app, { value: JSON.parse(view.owner.labels).plan ?? null })];
  },

  /** Everything that could be it, whoever's it is: the host judges. Never filter by mark here. */
  find(want) {
    // Page by page, as ours may be on the last one. With an id: that thing or none.
    const rows = pages(url(`?name=${encodeURIComponent(want.key)}`), "after", "/items", "/next");
    return [...rows].filter((row) => want.id === undefined || row.id === want.id).map(shown);
  },

  /** The mark goes into the same request as the thing. If this fails, the host calls `find` and decides. */
  create(want) {
    const { value } = JSON.parse(want.body);
    return shown(json("POST", url(), { name: want.key, mark: want.mark, value }));
  },

  /** `now` was found moments ago. */
  update(want, now) {
    const { value } = JSON.parse(want.body);
    return shown(json("PUT", url(`/${encodeURIComponent(now.id)}`), { mark: want.mark, value }));
  },

  /** Undefined says that it is gone, also when it was gone before. */
  remove(_want, now) {
    json("DELETE", url(`/${encodeURIComponent(now.id)}`), undefined, { missing: undefined });
    return undefined;
  },
}));

// Optional: with it, orphans are found, and a lost ledger can be recovered.
export const inventory = hook(/** @type {import("@groundcrew/hook").Inventory} */ ({
  scan(_owner, cursor) {
    const page = json("GET", url(cursor === undefined ? "" : `?after=${encodeURIComponent(cursor)}`));
    const things = page.items.map((row) => ({ kind: "thing", key: row.name, thing: shown(row) }));
    return { things, next: page.next };
  },
}));
