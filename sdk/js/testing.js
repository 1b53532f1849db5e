// A double of the host, so that Node's own test runner can load a hook: import this first, the hook with `await import`.
//
//   import { host } from "@groundcrew/hook/testing";
//   const { provision } = await import("../hook.js");
//
// Every request is kept in `host.sent`; `host.answer` says what comes back. Whatever else a hook imports of the host and is
// not here, is refused by name.

import { register } from "node:module";

/** What stands in for the host. */
export const host = {
  config: {},
  sent: [],
  notes: [],
  memory: new Map(),
  answer: () => ({}),
};

/** Forgets everything that tests said and saw. */
export function reset() {
  Object.assign(host, { config: {}, sent: [], notes: [], memory: new Map(), answer: () => ({}) });
}

function send({ method, url, headers, body }) {
  const text = new TextDecoder().decode(body);
  const request = { method, url, headers: Object.fromEntries(headers), json: text === "" ? undefined : JSON.parse(text) };
  host.sent.push(request);
  const answer = host.answer(request);
  const said = answer.text ?? (answer.json === undefined ? "" : JSON.stringify(answer.json));
  return {
    status: answer.status ?? 200,
    headers: Object.entries(answer.headers ?? {}),
    body: new TextEncoder().encode(said),
  };
}

globalThis[Symbol.for("groundcrew.testing")] = {
  config: () => JSON.stringify(host.config),
  secret: (name) => `{secret:${name}}`,
  send,
  log: (level, message) => host.notes.push({ level, message }),
  get: (key) => host.memory.get(key),
  set: (key, value) => host.memory.set(key, value),
  forget: (key) => host.memory.delete(key),
};

const double = `const host = globalThis[Symbol.for("groundcrew.testing")];`;
const modules = {
  "groundcrew:hook/config@0.1.0": `${double} export const get = host.config; export const secret = host.secret;`,
  "groundcrew:hook/http@0.1.0": `${double} export const send = host.send;`,
  "groundcrew:hook/log@0.1.0": `${double} export const log = host.log;`,
  "groundcrew:hook/kv@0.1.0": `${double} export const { get, set } = host; export { forget as delete }; const { forget } = host;`,
};

// Hooks of modules run in a thread of their own, which sees nothing of this one.
const loader = `
const modules = ${JSON.stringify(modules)};
export function resolve(name, context, next) {
  if (!name.startsWith("groundcrew:")) return next(name, context);
  if (name in modules) return { url: name, format: "module", shortCircuit: true };
  throw new Error(name + " has no double in @groundcrew/hook/testing; what needs it is for scenarios: groundcrew test");
}
export function load(url, context, next) {
  if (!(url in modules)) return next(url, context);
  return { format: "module", source: modules[url], shortCircuit: true };
}
`;
register(`data:text/javascript,${encodeURIComponent(loader)}`);
