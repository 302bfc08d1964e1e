// Control `workflow`: a further policy beside the built-in rules, such as a deployment's `policy.cedar`. It is asked last,
// only about calls that the rules did not refuse, and can do one thing: refuse. Whoever writes or takes over an overlay
// cannot let anything through; one that throws refuses.
import type { Effect, Impact, JsonObject, Refusal } from "../../boundary.ts";
import type { Used } from "./used.ts";

export interface OverlayInput {
  readonly server: string;
  readonly tool: string;
  /** The model's arguments with the operator's bound ones added: what would run. */
  readonly arguments: JsonObject;
  readonly effect: Effect;
  readonly impact: Impact;
  readonly user: string;
  readonly channel: string;
  readonly thread: string;
  readonly turn: number;
  /** Counts and sums before this call. */
  readonly used: Used;
  /** People whose approval of this call counts; null while it waits for them, or is about to. */
  readonly approvals: readonly string[] | null;
}

export interface Overlay {
  /** Why this call may not happen, or undefined. */
  decide(input: OverlayInput): Refusal | undefined;
}
