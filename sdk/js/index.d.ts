/// <reference path="./host.d.ts" />

/** One RFC 8259 value as text, at most 1 MiB. */
export type Json = string;

/** Whom a thing is for. */
export interface Owner {
  /** `fly/{org}/{app}` or `fly/{org}/{app}/{machine}`. An address: it may be reused. */
  path: string;
  /** The platform's id of this incarnation. Never reused. */
  id: string;
}

/** An app or a machine as last seen. */
export interface Subject extends Owner {
  /** The platform's own word; `gone` once its end is confirmed. */
  state: string;
  /** One object: `region`, `image`, `metadata.*`, and what the operator's label sources add. */
  labels: Json;
}

/** A value that the owner's other things, or hooks that read this one, may use. */
export interface Output {
  name: string;
  value: string;
}

export type ThingState = "pending" | "ready" | "removing" | "failed";

/** What exists outside, as found. */
export interface Thing {
  /** The API's own id, enough to find it again. */
  id: string;
  /** `pending` and `removing` are looked at again, by id, after `pollMs`. */
  state: ThingState;
  note?: string;
  pollMs?: number;
  /** As observed, in the shape of `spec.body`. */
  body: Json;
  /** The mark found on it. The host decides whether that is ours. */
  mark?: string;
  outputs: Output[];
  /** When the API says it was made, RFC 3339. Needed for kinds of class `anonymous`. */
  made?: string;
}

/** What happened, once, to one subject or to none. */
export interface Event {
  /** The same over redelivery, restart and runner: use it as the idempotency key. */
  id: string;
  kind: string;
  /** RFC 3339. */
  time: string;
  subject?: Subject;
  data: Json;
}

/** The export `handler`. */
export interface Handler {
  /** Told at least once, per subject in order. A failure is told again later, with the same id. */
  handle(event: Event): void | Promise<void>;
}

export interface Input {
  owner: string;
  hook: string;
  kind: string;
  key: string;
  output: Output;
}

/** Filled only with what the manifest `watches`; the rest is empty. */
export interface View {
  owner: Subject;
  app?: Subject;
  members: Subject[];
  inputs: Input[];
}

/**
 * Asks for a listing page by page, and gives the rows of all. `rows` and `next` are JSON pointers into each answer:
 * `pages(url, "after", "/items", "/next")`. What `next` shows is the parameter `cursor` of the next request; the last page
 * shows none, null or "". A page without its rows is thrown as a failure: it is not a listing without any.
 */
export function pages<T = any>(
  url: string,
  cursor: string,
  rows: string,
  next: string,
  options?: Options,
): Generator<T, void, undefined>;

/** One thing that should exist. */
export interface Spec {
  /** One of the manifest's kinds. */
  kind: string;
  /** Its name in the outside world, unique per (target, kind). */
  key: string;
  /** How it should be, by the kind's schema. Tokens, never secret values. */
  body: Json;
  /** `kind/key` of things in this answer that must be ready before, and removed after, this one. */
  after: string[];
}

/** A spec handed back with what the host knows. Same for every repetition of one creation. */
export interface Want {
  owner: Owner;
  kind: string;
  key: string;
  body: Json;
  /** 26 characters of [a-z0-9]: a name that nobody else chooses. */
  name: string;
  /** For an `Idempotency-Key` header. */
  once: string;
  /** To be put on the thing where it can carry one, in the same request as the thing itself. */
  mark: string;
  /** The thing's id, once known. */
  id?: string;
}

type Answer<T> = T | Promise<T>;

/** The export `provision`. Any call may be repeated at any time. */
export interface Provision {
  /** What should exist for one owner. Pure: no HTTP. A failure changes nothing; an empty list means nothing. */
  desired(view: View): Answer<Spec[]>;
  /** Reads only. With `want.id`: that thing or none. Without: everything that could be it, whoever's it is. */
  find(want: Want): Answer<Thing[]>;
  /** If this fails after a write has left, the host calls `find` and decides. */
  create(want: Want): Answer<Thing>;
  /** `now` was found moments ago. */
  update(want: Want, now: Thing): Answer<Thing>;
  /** Undefined: it is gone, also when it was gone before. */
  remove(want: Want, now: Thing): Answer<Thing | undefined>;
}

export interface Listed {
  kind: string;
  /** Its key, where the thing shows one. */
  key?: string;
  thing: Thing;
}

/** The export `inventory`: optional, beside `provision`. */
export interface Inventory {
  /** Everything of the hook's kinds at its target, ours or not. Reads only. At most 1,000 a page. */
  scan(owner: Owner | undefined, cursor: string | undefined): Answer<{ things: Listed[]; next?: string }>;
}

/** Something that an audit noticed. (code, about) is its identity from day to day. */
export interface Finding {
  code: string;
  subject?: Owner;
  about: string;
  severity: "info" | "warning" | "critical";
  message: string;
  /** US cents a month, where known. */
  costCents?: number;
  remedy?: string;
  /** Evidence; handed back to `remedy.fix`. */
  data: Json;
}

/** The export `audit`. */
export interface Audit {
  /** Reads only. `cursor` is undefined at the start of a run. */
  run(cursor: string | undefined): Answer<{ findings: Finding[]; next?: string }>;
}

/** The export `remedy`: optional, beside `audit`. */
export interface Remedy {
  /** Mends one finding. Must look again before it acts. */
  fix(finding: Finding): Answer<"fixed" | "no-longer-true" | "not-now">;
}

/** Why a call did not succeed; another try may help. */
export class Failure extends Error {
  constructor(message: string, options?: { retry?: boolean; afterMs?: number });
}

/** A failure that only a person can mend: `throw lasting("no such zone")`. */
export function lasting(message: string): Failure;

/** What `scan` throws where the configuration names nothing to list by: the host takes it as one without an inventory. */
export function noInventory(why: string): Failure;

/** The functions of an export; whatever they throw becomes a failure, with the stack in the run's log. */
export function hook<T extends Handler | Provision | Inventory | Audit | Remedy>(functions: T): T;

/** The stanza's `config`, templates filled in. */
export function config<T = Record<string, any>>(): T;

/** A token that becomes the secret's value on the way out. */
export function secret(name: string): string;

/** Notes that are kept with the run. */
export const log: Record<"debug" | "info" | "warn" | "error", (message: unknown) => void>;

export interface Options {
  headers?: Record<string, string>;
  /** JSON pointers into the answer: the host keeps these strings and shows tokens instead. */
  seal?: string[];
  /** What a 404 answers; without it, a 404 is a failure. */
  missing?: any;
}

/**
 * Sends one request and answers the JSON that comes back; undefined: the body is empty, or the status 204 or 205. Another
 * status than 2xx is thrown as a failure, as is what is no JSON, with the first 80 bytes of it.
 */
export function json<T = any>(method: string, url: string, body?: unknown, options?: Options): T;

/** One thing that should exist. */
export function spec(kind: string, key: string, body: unknown, after?: string[]): Spec;

export interface More {
  state?: ThingState;
  note?: string;
  pollMs?: number;
  mark?: string | null;
  made?: string;
  outputs?: Record<string, string>;
}

/** A thing that is ready; `more` says what else is known of it. */
export function thing(id: string, body: unknown, more?: More): Thing;
