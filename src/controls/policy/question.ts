// Control `workflow`, `least-privilege`: everything a decision rests on, as one value. Nothing is looked up while a call is
// decided, so the same value gives the same verdict, here, in a replay and in `policy explain`.
import type { JsonObject, ToolCall, Verdict } from "../../boundary.ts";
import type { Contract } from "../manifest/schema.ts";
import type { Overlay } from "./overlay.ts";
import type { ToolSchema } from "./tool-schema.ts";
import type { Used } from "./used.ts";

/** Who asks and where, as the Ledger knows it. */
export interface Place {
  readonly user: string;
  readonly channel: string;
  readonly thread: string;
  readonly turn: number;
}

export interface PolicyContext {
  /** Why nothing may run now; null when the deployment is not frozen. */
  readonly frozen: string | null;
  /** The contract of the named tool; undefined when the deployment file does not name it. */
  readonly contract: Contract | undefined;
  /** The pinned schema; undefined when the tool is quarantined, absent or not yet pinned. */
  readonly schema: ToolSchema | undefined;
  /** The server no longer offers the tool. */
  readonly isAbsent: boolean;
  readonly used: Used;
  readonly place: Place;
  readonly mode: "enforce" | "observe";
  /** Nobody is there to decide: what would wait for a person is refused. */
  readonly unattended: boolean;
  /** People whose approval of this call counts; null while nobody has decided it. */
  readonly approvals: readonly string[] | null;
  readonly overlay?: Overlay | undefined;
}

/** One call of a tool that exists, with the arguments that would run. */
export interface Question {
  readonly call: ToolCall;
  readonly arguments: JsonObject;
  readonly contract: Contract;
  readonly schema: ToolSchema;
  readonly context: PolicyContext;
}

/** What one rule said, in the order they were asked. */
export interface RuleOutcome {
  readonly rule: string;
  readonly outcome: "ok" | "review" | "refuse";
  readonly field: string | null;
  readonly message: string;
}

export interface Decision {
  /** The arguments to run: the model's with the operator's bound ones added; of a refused call the model's alone. */
  readonly arguments: JsonObject;
  readonly verdict: Verdict;
  /** Name of the rule that decided. */
  readonly decidedBy: string;
  /** What each rule said, up to the one that refused; those after it were not asked. */
  readonly rules: readonly RuleOutcome[];
  /** In observe mode: what enforcing would have said, when that is not `allow`. */
  readonly would: Exclude<Verdict, { verdict: "allow" }> | null;
}
