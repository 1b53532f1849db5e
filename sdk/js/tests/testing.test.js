// `node --test sdk/js/tests/testing.test.js`

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { host, reset } from "@groundcrew/hook/testing";

const { config, hook, json, log, noInventory, pages, secret } = await import("@groundcrew/hook");
const kv = await import("groundcrew:hook/kv@0.1.0");

beforeEach(reset);

test("requests are kept, and answered as a test says", () => {
  host.config = { server: "https://api.example" };
  host.answer = ({ method }) => (method === "GET" ? { json: { items: [] } } : { status: 404 });
  assert.deepEqual(json("GET", `${config().server}/things`), { items: [] });
  assert.equal(json("DELETE", "https://api.example/things/t1", undefined, { missing: "gone" }), "gone");
  json("POST", "https://api.example/things", { name: "a" }, { headers: { "idempotency-key": "k" }, missing: null });
  assert.deepEqual(host.sent.map(({ method, json }) => [method, json]), [
    ["GET", undefined],
    ["DELETE", undefined],
    ["POST", { name: "a" }],
  ]);
  assert.equal(host.sent[2].headers["idempotency-key"], "k");
});

test("what is thrown becomes a failure, and its stack is noted", async () => {
  const { desired } = hook({ desired: () => missing.value });
  await assert.rejects(desired({}), (failure) => failure.payload.retry && /missing/.test(failure.payload.message));
  assert.equal(host.notes[0].level, "error");
  host.answer = () => ({ status: 429, headers: { "Retry-After": "3" } });
  assert.throws(() => json("GET", "https://api.example"), (failure) => failure.payload.afterMs === 3000);
});

test("an answer that is no JSON is a failure that shows it, and an empty one is undefined", () => {
  const url = "https://api.example/things";
  const said = (answer) => {
    host.answer = () => answer;
    try {
      return json("GET", url);
    } catch (failure) {
      assert.equal(failure.payload.retry, true);
      return failure.payload.message;
    }
  };
  const html = { text: `<html>\n${"ü".repeat(50)}`, headers: { "Content-Type": "text/html" } };
  const shown = `<html>.${".".repeat(73)}`;
  assert.equal(said(html), `GET ${url}: status 200, text/html: the answer is no JSON: ${shown}`);
  assert.equal(said({ status: 201, text: "{} x" }), `GET ${url}: status 201, no content-type: the answer is no JSON: {} x`);
  assert.equal(said({ text: "" }), undefined);
  assert.equal(said({ status: 204, text: "<html>" }), undefined);
  assert.equal(said({ status: 205, text: "\n" }), undefined);
});

test("every page is read", () => {
  const url = "https://api.example/things?a=b";
  for (const end of [{}, { next: null }, { next: "" }]) {
    reset();
    const next = [{ next: 1 }, { next: "a b" }, end];
    host.answer = () => {
      const at = host.sent.length - 1;
      return { json: { data: { rows: [at * 2, at * 2 + 1] }, ...next[at] } };
    };
    assert.deepEqual([...pages(url, "from", "/data/rows", "/next")], [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(host.sent.map((request) => request.url), [url, `${url}&from=1`, `${url}&from=a%20b`]);
  }
});

test("what is no page is a failure", () => {
  const url = "https://api.example/things";
  const said = (json) => {
    host.answer = () => ({ json });
    try {
      return [...pages(url, "from", "/rows", "/next")];
    } catch (failure) {
      assert.equal(failure.payload.retry, true);
      return failure.payload.message;
    }
  };
  for (const json of [{ rows: null }, [1], undefined]) {
    assert.equal(said(json), `GET ${url}: a page without its list /rows`);
  }
  assert.equal(said({ rows: [], next: 7 }), `GET ${url}?from=7: page 7 shows itself as the next at /next`);
  assert.deepEqual(said({ rows: [] }), []);
});

test("that there is nothing to list by is a lasting failure with the word for it", async () => {
  const { scan } = hook({
    scan: () => {
      throw noInventory("no `list`");
    },
  });
  const said = { message: "inventory.none: no `list`", retry: false, afterMs: undefined };
  await assert.rejects(scan(), (failure) => assert.deepEqual(failure.payload, said) ?? true);
});

test("what is remembered is there until it is forgotten", () => {
  kv.set("a", new Uint8Array([1]));
  assert.deepEqual(kv.get("a"), new Uint8Array([1]));
  kv.delete("a");
  assert.equal(kv.get("a"), undefined);
  assert.equal(secret("API_TOKEN"), "{secret:API_TOKEN}");
  log.info("seen");
  assert.deepEqual(host.notes, [{ level: "info", message: "seen" }]);
});

test("what has no double is refused by its name", async () => {
  await assert.rejects(import("groundcrew:hook/fleet@0.1.0"), /fleet@0\.1\.0 has no double/);
});
