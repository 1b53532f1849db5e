// Natively, against a double of the host: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

// First: it stands in for what hook.js imports of the host.
import { host } from "@groundcrew/hook/testing";

const { audit } = await import("../hook.js");

test("what nobody uses is found, page by page", async () => {
  host.config = { server: "https://api.example" };
  const items = [{ id: "t4", used: false, cents: 200 }, { id: "t5", used: true }];
  host.answer = () => ({ json: { items, next: "5" } });
  const { findings, next } = await audit.run("3");
  assert.equal(host.sent[0].url, "https://api.example/things?after=3");
  assert.deepEqual(findings.map(({ code, about, costCents }) => [code, about, costCents]), [["thing.idle", "thing/t4", 200]]);
  assert.equal(next, "5");
});
