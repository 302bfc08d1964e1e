// Control `review`: the life of one held call, as data. An attacker wants a second execution, an execution of a call that
// was denied, or a decision that outlives its clock. Whatever is not in this table cannot happen.
import type { Refusal } from "../../boundary.ts";
import type { ApprovalState } from "../wire/gate.ts";

export type ApprovalEvent = "approve" | "deny" | "expire" | "void" | "execute" | "succeed" | "fail" | "lose";

/** state -> event -> next state. A pair that is not here is refused. */
export const transitions: Record<ApprovalState, Partial<Record<ApprovalEvent, ApprovalState>>> = {
  held: { approve: "approved", deny: "denied", expire: "expired", void: "voided" },
  approved: { execute: "executing", expire: "expired", void: "voided" },
  executing: { succeed: "done", fail: "failed", lose: "unknown" },
  denied: {},
  expired: {},
  voided: {},
  done: {},
  failed: {},
  unknown: {},
};

/** The state after `event`, or why it may not happen. */
export function decideTransition(state: ApprovalState, event: ApprovalEvent): ApprovalState | Refusal {
  const next = Object.hasOwn(transitions[state], event) ? transitions[state][event] : undefined;
  if (next) return next;
  return { control: "review", reason: "wrong_state", message: `a call that is ${state} cannot ${event}` };
}
