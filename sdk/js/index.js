// What a Groundcrew hook in JavaScript needs beside the host's functions, and no more.
//
// `hook` turns a thrown error into a failure with its text, so that the runner can show it and try again; the stack
// goes to the run's log. Everything at the top of a module runs when the component is *built*: `Math.random()` there
// is the same number in every run. Names that must stay come from `want.name`, `want.once` and `event.id`.

import * as host from "groundcrew:hook/config@0.1.0";
import * as http from "groundcrew:hook/http@0.1.0";
import * as notes from "groundcrew:hook/log@0.1.0";

const RETRY = new Set([401, 408, 409, 412, 423, 425, 429]);

/** Why a call did not succeed; another try may help. */
export class Failure extends Error {
  constructor(message, { retry = true, afterMs } = {}) {
    super(message);
    this.name = "Failure";
    // Where componentize-js looks for what is returned instead of a trap.
    this.payload = { message: String(message), retry, afterMs };
  }
}

/** A failure that only a person can mend: `throw lasting("no such zone")`. */
export function lasting(message) {
  return new Failure(message, { retry: false });
}

/** What `scan` throws where the configuration names nothing to list by: the host takes it as one without an inventory. */
export function noInventory(why) {
  return lasting(`inventory.none: ${why}`);
}

/** The functions of an export; whatever they throw becomes a failure. They may be async. */
export function hook(functions) {
  const guarded = (name) => async (...given) => {
    try {
      return await functions[name](...given);
    } catch (error) {
      throw failure(error);
    }
  };
  return Object.fromEntries(Object.keys(functions).map((name) => [name, guarded(name)]));
}

function failure(error) {
  if (error instanceof Failure) return error;
  const given = error?.payload ?? error;
  if (typeof given?.message === "string" && typeof given.retry === "boolean") return new Failure(given.message, given);
  notes.log("error", String(error?.stack ? `${error}\n${error.stack}` : error));
  return new Failure(String(error));
}

/** The stanza's `config`, templates filled in. */
export function config() {
  return JSON.parse(host.get());
}

/** A token that becomes the secret's value on the way out. */
export function secret(name) {
  return host.secret(name);
}

/** Notes that are kept with the run. */
export const log = {
  debug: (message) => notes.log("debug", String(message)),
  info: (message) => notes.log("info", String(message)),
  warn: (message) => notes.log("warn", String(message)),
  error: (message) => notes.log("error", String(message)),
};

/**
 * Sends one request and answers the JSON that comes back, or undefined for an empty body. A 404 answers
 * `options.missing`, where that is given; every other status but 2xx is thrown as a failure, and so is what is no JSON.
 */
export function json(method, url, body, options = {}) {
  const headers = Object.entries(options.headers ?? {});
  let sent = new Uint8Array();
  if (body !== undefined) {
    headers.push(["content-type", "application/json"]);
    sent = new TextEncoder().encode(JSON.stringify(body));
  }
  const answer = http.send({ method, url, headers, body: sent, seal: options.seal ?? [] });
  if (answer.status === 404 && "missing" in options) return options.missing;
  if (answer.status >= 200 && answer.status < 300) return parsed(method, url, answer);
  const text = new TextDecoder().decode(answer.body);
  const wait = header(answer, "retry-after") ?? "";
  throw new Failure(`status ${answer.status}: ${text.trim().slice(0, 500)}`, {
    retry: RETRY.has(answer.status) || answer.status >= 500,
    afterMs: /^\d{1,6}$/.test(wait) ? Number(wait) * 1000 : undefined,
  });
}

/**
 * Asks for a listing page by page, and gives the rows of all. `rows` and `next` are JSON pointers into each answer; what
 * `next` shows is the parameter `cursor` of the next request. A page without its rows is thrown as a failure.
 */
export function* pages(url, cursor, rows, next, options = {}) {
  const joined = url.includes("?") ? "&" : "?";
  for (let asked = url, before; ; ) {
    const page = json("GET", asked, undefined, options);
    const found = at(page, rows);
    if (!Array.isArray(found)) throw new Failure(`GET ${asked}: a page without its list ${rows}`);
    yield* found;
    const shown = at(page, next);
    if (shown === undefined || shown === null || shown === "") return;
    if (shown === before) throw new Failure(`GET ${asked}: page ${shown} shows itself as the next at ${next}`);
    before = shown;
    asked = `${url}${joined}${encodeURIComponent(cursor)}=${encodeURIComponent(shown)}`;
  }
}

// What a JSON pointer shows of objects; undefined where there is nothing.
function at(value, pointer) {
  const names = pointer.split("/").slice(1).map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  return names.reduce((value, name) => value?.[name], value);
}

function header(answer, wanted) {
  return answer.headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
}

function parsed(method, url, answer) {
  if (answer.body.length === 0 || answer.status === 204 || answer.status === 205) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(answer.body));
  } catch {
    const type = header(answer, "content-type") ?? "no content-type";
    throw new Failure(`${method} ${url}: status ${answer.status}, ${type}: the answer is no JSON: ${begin(answer.body)}`);
  }
}

// The first 80 bytes; a dot for each that is no printable ASCII.
function begin(body) {
  return String.fromCharCode(...body.slice(0, 80).map((byte) => (byte > 31 && byte < 127 ? byte : 46)));
}

/** One thing that should exist; `after` holds `kind/key` of things that must be ready before. */
export function spec(kind, key, body, after = []) {
  return { kind, key, body: JSON.stringify(body), after };
}

/** A thing that is ready; `more` says what else is known of it. */
export function thing(id, body, more = {}) {
  const outputs = Object.entries(more.outputs ?? {}).map(([name, value]) => ({ name, value }));
  const state = more.state ?? "ready";
  const { note, pollMs, made } = more;
  return { id, state, note, pollMs, body: JSON.stringify(body), mark: more.mark ?? undefined, outputs, made };
}
