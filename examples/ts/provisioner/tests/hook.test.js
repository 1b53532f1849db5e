// What needs no host, natively: `npm test` leaves the types of hook.ts out, for Node 20 knows none.

import assert from "node:assert/strict";
import { test } from "node:test";

// First: it stands in for what hook.ts imports of the host.
import "@groundcrew/hook/testing";

const { provision } = await import("../.groundcrew/plain/hook.js");

test("one thing per app, with its plan", async () => {
  for (const [labels, body] of [['{"plan":"pro"}', '{"value":"pro"}'], ["{}", '{"value":null}']]) {
    const owner = { path: "fly/acme/cust-7", id: "app:1", state: "deployed", labels };
    const wanted = await provision.desired({ owner, members: [], inputs: [] });
    assert.deepEqual(wanted, [{ kind: "thing", key: "cust-7", body, after: [] }]);
  }
});
