// Control `workflow`, `review`, `least-privilege`: the built-in rules, in the order in which they are asked. Read them from
// top to bottom: the first that refuses decides, then the first that wants a person, and what is left may run. Each is
// pure and names the field it decided by. What the model sends is believed nowhere.
import type { Refusal } from "../../boundary.ts";
import { decideCount, decideMaximum, decideTotal, decideValue } from "./bounds.ts";
import type { Question } from "./question.ts";
import { badArguments } from "./tool-schema.ts";

/** Wants a person; `field` says which part of the contract asks for one. */
export interface Wait {
  readonly field: string;
  readonly message: string;
}

interface Named {
  readonly name: string;
}

export interface RefusingRule extends Named {
  readonly ask: (question: Question) => Refusal | undefined;
}

export interface WaitingRule extends Named {
  readonly ask: (question: Question) => Wait | undefined;
}

/** Facts about the call: these hold in every mode. */
export const factRules: readonly RefusingRule[] = [
  { name: "bind", ask: sendsBound },
  { name: "schema", ask: ({ schema, arguments: args }) => schema.check(args) },
];

/** Judgement: what the operator set as bounds. In observe mode these are said and not enforced. */
export const boundRules: readonly RefusingRule[] = [
  { name: "only", ask: decideValue },
  { name: "max", ask: decideMaximum },
  { name: "count", ask: decideCount },
  { name: "total", ask: decideTotal },
];

/** Impact on people, and what cannot be undone, waits for a person; so does whatever the file says. */
export const waitingRules: readonly WaitingRule[] = [
  { name: "impact", ask: hasImpact },
  { name: "irreversible", ask: isIrreversible },
  { name: "review", ask: asksForPerson },
];

/** Asked after a waiting rule wants a person. */
export function refuseUnattended({ call, context }: Question): Refusal | undefined {
  if (!context.unattended) return undefined;
  const message = `${call.tool} needs a person and this deployment runs unattended: nobody is there to decide, so it does not run`;
  return { control: "review", reason: "unattended", field: "unattended", message };
}

/**
 * Asked last. It can only refuse, and a policy that fails has not said yes. Of a call that waits nobody can say yet who will
 * approve it; one that does not wait runs without approvals.
 */
export function askOverlay(question: Question, waits: boolean): Refusal | undefined {
  const { call, contract, arguments: args, context } = question;
  const { overlay, place, used } = context;
  const approvals = waits ? context.approvals : (context.approvals ?? []);
  const { effect, impact } = contract;
  try {
    const { server, tool } = call;
    return overlay?.decide({ server, tool, arguments: args, effect, impact, ...place, used, approvals });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.slice(0, 200) : "it gave no reason";
    const message = `the policy of this deployment could not be evaluated, so the call does not run: ${why}`;
    return { control: "workflow", reason: "policy_failed", field: "policy.cedar", message };
  }
}

function sendsBound({ call, contract }: Question): Refusal | undefined {
  const bound = Object.keys(call.arguments).find((key) => Object.hasOwn(contract.bind, key));
  return bound === undefined ? undefined : badArguments(bound, "is fixed by the deployment file");
}

function hasImpact({ call, contract }: Question): Wait | undefined {
  if (contract.impact === "none") return undefined;
  return { field: "impact", message: `${call.tool} has impact: ${contract.impact}` };
}

function isIrreversible({ call, contract }: Question): Wait | undefined {
  return contract.effect === "irreversible" ? { field: "effect", message: `${call.tool} cannot be undone` } : undefined;
}

function asksForPerson({ contract }: Question): Wait | undefined {
  return contract.review && { field: "review", message: "the deployment file asks for a person" };
}
