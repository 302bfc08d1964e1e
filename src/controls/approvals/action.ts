// Control `review`: what exactly a person approves. One byte changed in the tool, the arguments, the release or the
// policy is another action with another hash, and the approval does not fit it.
import type { Action } from "../../boundary.ts";
import { sha256Hex } from "../audit/digest.ts";
import { canonicalJson } from "../manifest/hash.ts";

/** SHA-256, hex, over the canonical JSON (RFC 8785) of the action. */
export function hashAction(action: Action): string {
  return sha256Hex(`ambit-action-v1\n${canonicalJson(action)}`);
}

/** SHA-256, hex, of the rules that an action was judged by: its tool's contract and the text of the policy file. */
export function hashPolicy(contract: unknown, policy: string | null): string {
  return sha256Hex(`ambit-policy-v1\n${canonicalJson({ contract, policy })}`);
}

/** The parts of a tool's definition that a person and the policy rely on. */
export interface ToolDefinition {
  readonly server: string;
  readonly name: string;
  readonly description: string;
  readonly inputSchema: unknown;
  readonly outputSchema: unknown;
  readonly annotations: unknown;
}

/** SHA-256, hex, of a tool definition: pinned at deploy, compared on every connect. */
export function hashTool(tool: ToolDefinition): string {
  return sha256Hex(`ambit-tool-v1\n${canonicalJson(tool)}`);
}

/** The gate's own id of a call, from its place; the same place gives the same id, whatever was killed in between. */
export function callIdOf(thread: string, turn: number, step: number, position: number): string {
  return `call_${sha256Hex(canonicalJson(["ambit-call-v1", thread, turn, step, position])).slice(0, 24)}`;
}
