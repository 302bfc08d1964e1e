// Control `least-privilege`: the arguments of a wished call, before anything is decided. The model sends text that may be
// anything; what is too large, too deep or no object is refused here, because it could not even be carried to the Ledger.
import type { JsonObject } from "../boundary.ts";
import { printable } from "../controls/manifest/printable.ts";
import { findJsonFault } from "../controls/policy/json-bounds.ts";

/** What a tool's schema lets through at most is less; see `controls/policy`. */
const limits = { chars: 200_000, depth: 64 };

export interface ArgumentsRefused {
  readonly reason: "bad_arguments";
  readonly field: string;
  readonly message: string;
}

/** Parses the arguments as the model sent them; an empty text stands for none. */
export function parseArguments(text: string): { readonly arguments: JsonObject } | ArgumentsRefused {
  const value = parseJson(text === "" ? "{}" : text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse("(all)", "the arguments are no JSON object, or too long; send them again");
  }
  const fault = findJsonFault(value, limits);
  if (!fault) return { arguments: value as JsonObject };
  const field = printable(fault.field || "(all)", 100);
  return refuse(field, `argument "${field}": ${fault.message}`);
}

function refuse(field: string, message: string): ArgumentsRefused {
  return { reason: "bad_arguments", field, message };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
