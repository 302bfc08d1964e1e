// Control `workflow`: bounds that can never take effect, or that contradict the rest of the contract. An operator who wrote
// a bound relies on it: one under a name that nothing decides by, or on an argument the model never sends, is an error.
import { findSumFault, isWindow, windows } from "../policy/used.ts";
import type { Finding } from "./lint.ts";
import type { Contract } from "./schema.ts";

/** What is wrong with `max`, `total` and `only` of one contract; `field` is its path in the file. */
export function lintBounds(field: string, contract: Contract): Finding[] {
  return [...lintMax(field, contract), ...lintTotal(field, contract), ...lintOnly(field, contract)];
}

function lintMax(field: string, { max, authority }: Contract): Finding[] {
  return Object.entries(max).flatMap(([key, bound]) => {
    const at = `${field}.max.${key}`;
    if (!isWindow(key)) return authority.includes(key) ? [] : [error(at, "is bounded but not listed under authority")];
    const words = `is the word for a number of calls: an argument that is called ${key} cannot be bounded`;
    return [
      ...(authority.includes(key) ? [error(at, words)] : []),
      ...(Number.isSafeInteger(bound) ? [] : [error(at, "is a number of calls: make it whole")]),
    ];
  });
}

function lintTotal(field: string, { total, authority }: Contract): Finding[] {
  return Object.entries(total).flatMap(([key, bounds]) => {
    const at = `${field}.total.${key}`;
    const listed = authority.includes(key) ? [] : [error(at, "is added up but not listed under authority")];
    if (Object.keys(bounds).length === 0)
      return [...listed, error(at, "has no bound: say per_turn, per_user or per_day")];
    const faults = windows.flatMap((window) => {
      const fault = findSumFault(bounds[window] ?? 0);
      return fault === undefined ? [] : [error(`${at}.${window}`, fault)];
    });
    return [...listed, ...faults];
  });
}

function lintOnly(field: string, { only, authority, bind, max, total }: Contract): Finding[] {
  return Object.entries(only).flatMap(([key, values]) => {
    const at = `${field}.only.${key}`;
    if (Object.hasOwn(bind, key))
      return [error(at, "is bound already, so there is nothing to choose: remove one of the two")];
    if (!authority.includes(key)) return [error(at, "may only have certain values but is not listed under authority")];
    const isNumber = Object.hasOwn(max, key) || Object.hasOwn(total, key);
    const most = Object.hasOwn(max, key) ? (max[key] ?? Infinity) : Infinity;
    const canPass = values.some((value) => !isNumber || (typeof value === "number" && value >= 0 && value <= most));
    return canPass ? [] : [error(at, "has no value that max or total lets through")];
  });
}

function error(field: string, message: string): Finding {
  return { level: "error", field, message };
}
