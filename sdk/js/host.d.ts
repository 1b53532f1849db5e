// The host's own functions, by the names under which a component imports them.

declare module "groundcrew:hook/config@0.1.0" {
  export function get(): string;
  export function secret(name: string): string;
}

declare module "groundcrew:hook/http@0.1.0" {
  export interface Request {
    method: string;
    url: string;
    headers: [string, string][];
    body: Uint8Array;
    seal: string[];
  }
  export interface Response {
    status: number;
    headers: [string, string][];
    body: Uint8Array;
  }
  /** Any status is an answer. */
  export function send(request: Request): Response;
}

declare module "groundcrew:hook/log@0.1.0" {
  export function log(level: "debug" | "info" | "warn" | "error", message: string): void;
}

/** Handlers and auditors only. */
declare module "groundcrew:hook/fleet@0.1.0" {
  import type { Subject } from "@groundcrew/hook";
  export function get(path: string): Subject | undefined;
  export function below(path: string, cursor: string | undefined): { subjects: Subject[]; next?: string };
  /** `guest` is JSON; `seconds` and `unseen` are all machines' of that size together. `month` is `2026-11`, UTC. */
  export interface RunningTime { guest: string; region: string; seconds: number; unseen: number }
  export function running(app: string, month: string): RunningTime[];
}

/** Handlers and auditors only. */
declare module "groundcrew:hook/kv@0.1.0" {
  export function get(key: string): Uint8Array | undefined;
  export function set(key: string, value: Uint8Array): void;
  function forget(key: string): void;
  export { forget as delete };
}
