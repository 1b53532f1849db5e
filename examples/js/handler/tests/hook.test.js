// Natively, against a double of the host: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

// First: it stands in for what hook.js imports of the host.
import { host } from "@groundcrew/hook/testing";

const { handler } = await import("../hook.js");

test("an event is posted under its id", async () => {
  host.config = { server: "https://api.example" };
  const subject = { path: "fly/acme/cust-7", id: "app:1", state: "deployed", labels: "{}" };
  const told = { id: "e1", kind: "app.created", time: "2026-11-22T08:00:00Z" };
  await handler.handle({ ...told, subject, data: "null" });
  const [sent] = host.sent;
  assert.equal(`${sent.method} ${sent.url}`, "POST https://api.example/events");
  assert.equal(sent.headers["idempotency-key"], "e1");
  assert.deepEqual(sent.json, { ...told, about: "fly/acme/cust-7" });
});

test("what is not taken is an error, so that it is told again", async () => {
  host.answer = () => ({ status: 503 });
  await assert.rejects(handler.handle({ id: "e2", kind: "tick", time: "2026-11-22T08:00:00Z", data: "{}" }), /status 503/);
});
