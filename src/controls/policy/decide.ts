// Control `least-privilege`, `review`: may this call happen, must a person decide, or never? The model, and whoever
// steers it, chooses tool and arguments freely; nothing here believes either. Pure: same call, same contract, same
// verdict, and each refusal names the field.
import type { Json, JsonObject, Refusal, ToolCall, Verdict } from "../../boundary.ts";
import type { Contract } from "../manifest/schema.ts";
import { badArguments, type ToolSchema } from "./tool-schema.ts";

export interface PolicyContext {
  /** The contract of the named tool; undefined when the deployment file does not name it. */
  readonly contract: Contract | undefined;
  /** The pinned schema; undefined when the tool is quarantined, absent or not yet pinned. */
  readonly schema: ToolSchema | undefined;
}

export type Decision = { readonly arguments: JsonObject; readonly verdict: Verdict };

/** Decides one call; `arguments` are the ones to run: the model's with the operator's bound ones added. */
export function decideCall(call: ToolCall, context: PolicyContext): Decision {
  const { contract, schema } = context;
  if (!contract) return refused(call, unknownTool(call));
  if (!schema) return refused(call, notPinned(call));
  const bound = Object.keys(call.arguments).find((key) => Object.hasOwn(contract.bind, key));
  if (bound !== undefined) return refused(call, badArguments(bound, "is fixed by the deployment file"));
  const merged = { ...call.arguments, ...contract.bind };
  const fault = schema.check(merged) ?? overMaximum(merged, contract);
  if (fault) return refused(call, fault);
  return { arguments: merged, verdict: needsPerson(call, contract) };
}

function refused(call: ToolCall, refusal: Refusal): Decision {
  return { arguments: call.arguments, verdict: { verdict: "refuse", refusal } };
}

function unknownTool(call: ToolCall): Refusal {
  const message = `there is no tool "${call.tool}" in this deployment; tools that are not named do not exist`;
  return { control: "least-privilege", reason: "unknown_tool", field: call.tool, message };
}

function notPinned(call: ToolCall): Refusal {
  const message = `the definition of "${call.tool}" changed since it was pinned; see ./ambit tools ls, then tools accept`;
  return { control: "least-privilege", reason: "tool_quarantined", field: call.tool, message };
}

function overMaximum(args: JsonObject, contract: Contract): Refusal | undefined {
  for (const [field, bound] of Object.entries(contract.max)) {
    if (field === "per_day") continue;
    // Left out, it would be whatever the server makes of that: often the whole amount.
    if (!Object.hasOwn(args, field))
      return badArguments(field, "has a limit in the deployment file, so it must be given");
    const value: Json | undefined = args[field];
    if (typeof value !== "number" || !Number.isFinite(value)) return badArguments(field, "must be a number");
    if (value < 0) return badArguments(field, "must not be negative");
    if (value > bound) {
      const message = `argument "${field}" is ${value}, over the limit of ${bound} in the deployment file`;
      return { control: "workflow", reason: "limit_reached", field, message };
    }
  }
  return undefined;
}

/** Impact on people, and what cannot be undone, waits for a person; so does whatever the file says. */
function needsPerson(call: ToolCall, contract: Contract): Verdict {
  if (contract.impact !== "none") {
    return { verdict: "review", rule: "impact", message: `${call.tool} has impact: ${contract.impact}` };
  }
  if (contract.effect === "irreversible") {
    return { verdict: "review", rule: "irreversible", message: `${call.tool} cannot be undone` };
  }
  if (contract.review) return { verdict: "review", rule: "review", message: `the deployment file asks for a person` };
  return { verdict: "allow", rule: `effect.${contract.effect}` };
}
