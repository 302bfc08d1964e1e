// The vocabulary of Ambit: types and nothing else. Every room speaks these words and no room defines its own.
// The model, a guest agent, a caller's history and every tool result are untrusted; nothing here makes a value trusted
// by having a type.

/** What a tool does to the world, mildest first. */
export type Effect = "read" | "local" | "reversible" | "outward" | "irreversible";

/** What a tool does to people. Anything but `none` waits for a person. */
export type Impact = "none" | "spend" | "access" | "publish" | "customer";

/** Where a value came from. `model` means that nobody but the model vouches for it. */
export type Origin = "user" | "operator" | "record" | "delegated" | "untrusted" | "model";

/** The rows of the register in `controls.ts`. */
export type ControlId =
  | "runtime"
  | "sandbox"
  | "secrets"
  | "admin-access"
  | "gateway-tokens"
  | "data"
  | "recon"
  | "schemas"
  | "callbacks"
  | "rate-limits"
  | "allowlists"
  | "redeploys"
  | "provenance"
  | "least-privilege"
  | "review"
  | "workflow"
  | "probes"
  | "posture"
  | "audit";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Why something may not happen. A value, never an exception; outsiders see only `toWire(refusal)`. */
export interface Refusal {
  readonly control: ControlId;
  /** Stable machine word, `snake_case`. */
  readonly reason: string;
  /** One line for the operator: what, where, and how to fix it. */
  readonly message: string;
  /** The field that decided, as a dotted path, when there is one. */
  readonly field?: string;
}

/** One tool call the model asked for, before anything was decided. `callId` is the gate's own, never the model's. */
export interface ToolCall {
  readonly callId: string;
  readonly server: string;
  readonly tool: string;
  readonly arguments: JsonObject;
}

/** The exact action a person approves (design, section 3). Its SHA-256 over canonical JSON is the action hash. */
export interface Action {
  readonly v: 1;
  readonly deployment: string;
  readonly release: string;
  readonly thread: string;
  readonly turn: number;
  readonly callId: string;
  readonly server: string;
  readonly tool: string;
  readonly toolHash: string;
  readonly arguments: JsonObject;
  readonly fileHashes: Record<string, string>;
  readonly policyHash: string;
}

/** A value the gate delivered to the model, with where it came from: `turn/step` and a JSON path inside the result. */
export interface LabelledValue {
  readonly path: string;
  readonly origin: Origin;
  readonly source: string;
  readonly value: Json;
}

/** What policy says of one call. */
export type Verdict =
  | { readonly verdict: "allow"; readonly rule: string }
  | { readonly verdict: "review"; readonly rule: string; readonly message: string }
  | { readonly verdict: "refuse"; readonly refusal: Refusal };
