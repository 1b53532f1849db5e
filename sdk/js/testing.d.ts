/** A request that the hook sent. */
export interface Sent {
  method: string;
  url: string;
  headers: Record<string, string>;
  /** Its body, read as JSON; undefined: it had none. */
  json: unknown;
}

/** What comes back; not said: 200, without a body. */
export interface Answer {
  status?: number;
  headers?: Record<string, string>;
  json?: unknown;
  /** The body as it is, instead of `json`. */
  text?: string;
}

/** What stands in for the host while Node's own test runner runs. */
export const host: {
  /** The stanza's `config`. */
  config: unknown;
  /** Every request, in order. */
  sent: Sent[];
  /** What the hook logged. */
  notes: { level: "debug" | "info" | "warn" | "error"; message: string }[];
  /** What `kv` holds. */
  memory: Map<string, Uint8Array>;
  /** Answers a request. */
  answer: (request: Sent) => Answer;
};

/** Forgets everything that tests said and saw. */
export function reset(): void;
