/**
 * Reports things that nobody uses at a plain JSON REST API: `{config.server}/things?after=CURSOR`.
 */

import { config, hook, json, type Audit, type Finding } from "@groundcrew/hook";

/** The stanza's `config`, as hook.toml describes it. */
interface Config {
  server: string;
}

/** A thing as the API shows it. */
interface Row {
  id: string;
  used: boolean;
  cents?: number;
}

interface Page {
  items: Row[];
  next?: string;
}

/** A finding is known from day to day by `code` and `about`; one that a run no longer reports resolves itself. */
const finding = (row: Row): Finding => ({
  code: "thing.idle",
  about: `thing/${row.id}`,
  severity: "warning",
  message: "nobody uses it",
  costCents: row.cents,
  remedy: "delete it, if nobody misses it",
  data: JSON.stringify({ id: row.id }),
});

// An error that is thrown becomes a failure with its text: the page is asked for again later.
export const audit = hook<Audit>({
  /** One page; `cursor` is undefined at the start. Reads only. */
  run(cursor) {
    const after = cursor === undefined ? "" : `?after=${encodeURIComponent(cursor)}`;
    const page = json<Page>("GET", `${config<Config>().server}/things${after}`);
    return { findings: page.items.filter((row) => !row.used).map(finding), next: page.next };
  },
});
