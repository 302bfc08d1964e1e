// Control `workflow`, `least-privilege`: the bounds an operator set on one tool: the values an argument may have, the
// largest amount, how many calls, how much in sum. An attacker leaves an argument out so that the server takes its own
// default, sends a number as a text, or splits one large amount into many small ones.
import type { JsonObject, Refusal } from "../../boundary.ts";
import type { Question } from "./question.ts";
import { badArguments } from "./tool-schema.ts";
import { exceeds, findAmountFault, findSumFault, isWindow, windows, windowWords } from "./used.ts";

/** `only`: the values an argument may have. */
export function decideValue({ arguments: args, contract }: Question): Refusal | undefined {
  for (const [field, allowed] of Object.entries(contract.only)) {
    if (!Object.hasOwn(args, field)) return missing(field, "may only have certain values");
    const value = args[field];
    if (allowed.some((one) => one === value)) continue;
    const shown = allowed.map((one) => JSON.stringify(one)).join(", ");
    const message = `argument "${field}" is not one of the values of the deployment file: ${shown.slice(0, 300)}`;
    return { control: "workflow", reason: "value_not_allowed", field, message };
  }
  return undefined;
}

/** `max`: the largest value of an argument. */
export function decideMaximum({ arguments: args, contract }: Question): Refusal | undefined {
  for (const [field, bound] of Object.entries(contract.max)) {
    if (isWindow(field)) continue;
    const value = readAmount(args, field);
    if (typeof value !== "number") return value;
    if (value > bound) {
      return reached(field, `argument "${field}" is ${value}, over the limit of ${bound} in the deployment file`);
    }
  }
  return undefined;
}

/** `max.per_turn`, `per_user`, `per_day`: how many calls. */
export function decideCount({ call, contract, context }: Question): Refusal | undefined {
  for (const window of windows) {
    const bound = contract.max[window];
    if (bound === undefined || context.used.calls[window] + 1 <= bound) continue;
    const message = `${call.tool} ran ${context.used.calls[window]} times ${windowWords[window]}; the deployment file allows ${bound}`;
    return reached(`max.${window}`, message);
  }
  return undefined;
}

/** `total`: how much of an argument in sum, over calls that were let through and this one. */
export function decideTotal({ arguments: args, contract, context }: Question): Refusal | undefined {
  for (const [field, total] of Object.entries(contract.total)) {
    const value = readAmount(args, field);
    if (typeof value !== "number") return value;
    const fault = findSumFault(value);
    if (fault) return badArguments(field, fault);
    const sums = context.used.sums.get(field);
    if (!sums) throw new Error(`nobody counted "${field}"`);
    for (const window of windows) {
      const bound = total[window];
      if (bound === undefined || !exceeds(sums[window], value, bound)) continue;
      const message = `"${field}" is ${sums[window]} ${windowWords[window]} so far; ${value} more is over the ${bound} of the deployment file`;
      return reached(`total.${field}.${window}`, message);
    }
  }
  return undefined;
}

/** A value that is bounded as an amount, or why it is none. */
function readAmount(args: JsonObject, field: string): number | Refusal {
  if (!Object.hasOwn(args, field)) return missing(field, "has a limit in the deployment file");
  const value = args[field];
  const fault = findAmountFault(value);
  return fault === undefined ? (value as number) : badArguments(field, fault);
}

/** Left out, it would be whatever the server makes of that: often the whole amount. */
function missing(field: string, why: string): Refusal {
  return badArguments(field, `${why}, so it must be given`);
}

function reached(field: string, message: string): Refusal {
  return { control: "workflow", reason: "limit_reached", field, message };
}
