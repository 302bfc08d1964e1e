// Control `least-privilege`: the rules a tool's schema is made of. Each takes the operand of one keyword, as an untrusted
// server wrote it, to a function that looks at one value, or to a word on what is wrong with the operand. A rule applies
// to values of its own type only, as the standard says, and pays for its work from a meter.
import { z } from "zod";
import { canonicalJson } from "../manifest/hash.ts";
import { joinPath, type Fault } from "./json-bounds.ts";
import { parsePattern, type Meter } from "./pattern.ts";

/** Why `value` does not fit, naming the field; undefined when it does. A used up `meter` is a fault as well. */
export type Rule = (value: unknown, field: string, meter: Meter) => Fault | undefined;

export type Schema = { readonly [keyword: string]: unknown };
/** A rule, or what is wrong with the schema. */
export type Compiled = Rule | string;
export type Compile = (schema: unknown) => Compiled;

const maxFormatChars = 2048;

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  // Beyond 2^53 two whole numbers are one: what was checked would not be what was meant.
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: Array.isArray,
  object: isObject,
};

/** Formats that are checked, because an argument that fits reads as one address, name or moment and nothing else. */
const formats = new Map<string, z.ZodType>([
  ["email", z.email()],
  ["uri", z.url()],
  ["uuid", z.guid()],
  ["date", z.iso.date()],
  ["date-time", z.iso.datetime({ offset: true })],
]);

type Measure = (value: unknown, meter: Meter) => number | undefined;

/** What a bound can apply to; undefined for values that have none of it. */
export const measures = {
  characters(value: unknown, meter: Meter): number | undefined {
    if (typeof value !== "string") return undefined;
    meter.left -= value.length;
    return [...value].length;
  },
  items: (value: unknown) => (Array.isArray(value) ? value.length : undefined),
  members(value: unknown, meter: Meter): number | undefined {
    if (!isObject(value)) return undefined;
    const { length } = Object.keys(value);
    meter.left -= length;
    return length;
  },
  number: (value: unknown) => (typeof value === "number" ? value : undefined),
};

/** A keyword whose operand is a number: applies to values that `measure` can measure and to no other. */
export function bounded(measure: Measure, fits: (value: number, bound: number) => boolean, words: string) {
  return (bound: unknown): Compiled => {
    if (typeof bound !== "number" || !Number.isFinite(bound)) return `has a bound that is not a number (${words})`;
    return (value, field, meter) => {
      const measured = measure(value, meter);
      return measured === undefined || fits(measured, bound) ? undefined : { field, message: `${words} ${bound}` };
    };
  };
}

export function typeRule(names: readonly unknown[]): Compiled {
  const tests = names.map((name) => (typeof name === "string" && Object.hasOwn(types, name) ? types[name] : undefined));
  if (tests.length === 0 || tests.includes(undefined)) return "has a type that does not exist";
  const message = `must be of type ${names.join(" or ")}`;
  return (value, field) => (tests.some((test) => test?.(value)) ? undefined : { field, message });
}

export function oneOfValues(values: readonly unknown[]): Compiled {
  if (values.some((value) => typeof value === "object" && value !== null)) return "has an enum or const of objects";
  const known = new Set(values);
  const message = `must be one of ${values
    .slice(0, 10)
    .map((value) => JSON.stringify(value))
    .join(", ")
    .slice(0, 200)}`;
  return (value, field) => (known.has(value) ? undefined : { field, message });
}

export function patternRule(operand: unknown, states: Meter): Compiled {
  if (typeof operand !== "string") return "has a pattern that is not text";
  const pattern = parsePattern(operand, states);
  if (typeof pattern === "string") return pattern;
  const message = `does not match the pattern ${JSON.stringify(operand.slice(0, 80))}`;
  return (value, field, meter) =>
    typeof value !== "string" || pattern.matches(value, meter) ? undefined : { field, message };
}

export function formatRule(operand: unknown): Compiled {
  const format = typeof operand === "string" ? formats.get(operand) : undefined;
  if (!format) return allOf([]);
  return (value, field, meter) => {
    if (typeof value !== "string") return undefined;
    meter.left -= Math.min(value.length, maxFormatChars);
    const fits = value.length <= maxFormatChars && format.safeParse(value).success;
    return fits ? undefined : { field, message: `is not of format ${String(operand)}` };
  };
}

/** `uniqueItems`. */
export const findTwin: Rule = (value, field, meter) => {
  if (!Array.isArray(value)) return undefined;
  const seen = new Set<string>();
  for (const item of value) {
    const text = canonicalJson(item);
    meter.left -= text.length;
    if (seen.has(text)) return { field, message: "has the same item twice" };
    seen.add(text);
  }
  return undefined;
};

export function itemsRule(operand: unknown, schema: Schema, compile: Compile): Compiled {
  if (Array.isArray(operand)) return "uses items as a list; write prefixItems";
  const rule = compile(operand);
  if (typeof rule === "string") return rule;
  const first = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"].length : 0;
  return (value, field, meter) => {
    if (!Array.isArray(value)) return undefined;
    meter.left -= value.length;
    return firstFault(value, (item, at) => (at < first ? undefined : rule(item, joinPath(field, at), meter)));
  };
}

export function prefixRule(operand: unknown, compile: Compile): Compiled {
  const rules = compileList(operand, compile);
  if (typeof rules === "string") return rules;
  return (value, field, meter) => {
    if (!Array.isArray(value)) return undefined;
    meter.left -= value.length;
    return firstFault(value, (item, at) => rules[at]?.(item, joinPath(field, at), meter));
  };
}

export function requiredRule(operand: unknown): Compiled {
  if (!Array.isArray(operand)) return "has a required that is not a list";
  return (value, field) => {
    const missing = isObject(value) ? operand.find((name) => !Object.hasOwn(value, String(name))) : undefined;
    return missing === undefined ? undefined : { field: joinPath(field, String(missing)), message: "is missing" };
  };
}

export function propertiesRule(operand: unknown, compile: Compile): Compiled {
  if (!isObject(operand)) return "has properties that are not an object";
  const rules = new Map<string, Rule>();
  for (const [name, schema] of Object.entries(operand)) {
    const rule = compile(schema);
    if (typeof rule === "string") return rule;
    rules.set(name, rule);
  }
  return eachMember((name, value, field, meter) => rules.get(name)?.(value, field, meter));
}

export function additionalRule(operand: unknown, schema: Schema, compile: Compile): Compiled {
  const rule = compile(operand);
  if (typeof rule === "string") return rule;
  const named = new Set(isObject(schema["properties"]) ? Object.keys(schema["properties"]) : []);
  return eachMember((name, value, field, meter) => (named.has(name) ? undefined : rule(value, field, meter)));
}

export function namesRule(rule: Compiled): Compiled {
  return typeof rule === "string" ? rule : eachMember((name, _value, field, meter) => rule(name, field, meter));
}

function eachMember(look: (name: string, value: unknown, field: string, meter: Meter) => Fault | undefined): Rule {
  return (value, field, meter) => {
    if (!isObject(value)) return undefined;
    const names = Object.keys(value);
    meter.left -= names.length;
    return firstFault(names, (name) => look(name, value[name], joinPath(field, name), meter));
  };
}

export function combine(operand: unknown, compile: Compile, join: (rules: readonly Rule[]) => Compiled): Compiled {
  const rules = compileList(operand, compile);
  return typeof rules === "string" ? rules : join(rules);
}

function compileList(operand: unknown, compile: Compile): Rule[] | string {
  if (!Array.isArray(operand) || operand.length === 0) return "has a list of schemas that is empty or no list";
  const rules = operand.map(compile);
  const broken = rules.find((rule) => typeof rule === "string");
  return broken ?? rules.filter((rule) => typeof rule !== "string");
}

/** Every rule must hold; counts the step. */
export function allOf(rules: readonly Compiled[]): Compiled {
  const broken = rules.find((rule) => typeof rule === "string");
  if (broken !== undefined) return broken;
  const good = rules.filter((rule) => typeof rule !== "string");
  return (value, field, meter) => {
    meter.left -= 1;
    const fault = meter.left < 0 ? undefined : firstFault(good, (rule) => rule(value, field, meter));
    return meter.left < 0 ? { field, message: "takes too long to check" } : fault;
  };
}

/** At least one rule must hold, or exactly one. */
export function countOf(rules: readonly Rule[], exactly: boolean): Rule {
  return (value, field, meter) => {
    let holding = 0;
    let first: Fault | undefined;
    for (const rule of rules) {
      const fault = rule(value, field, meter);
      first ??= fault;
      if (!fault) holding += 1;
      if (meter.left < 0 || (holding > 0 && !exactly)) break;
    }
    if (meter.left < 0 || (holding === 0 && rules.length === 1)) return first;
    if (holding === 0) return { field, message: `fits none of the ${rules.length} allowed forms` };
    return exactly && holding > 1 ? { field, message: "fits more than one of the allowed forms" } : undefined;
  };
}

function firstFault<T>(items: readonly T[], look: (item: T, at: number) => Fault | undefined): Fault | undefined {
  for (const [at, item] of items.entries()) {
    const fault = look(item, at);
    if (fault) return fault;
  }
  return undefined;
}

/** Whether `value` is a whole number of `step`s, in decimal: 0.3 is three times 0.1. */
export function isMultiple(value: number, step: number): boolean {
  const scale = 10 ** Math.max(decimalsOf(value), decimalsOf(step));
  return step > 0 && Math.round(value * scale) % Math.round(step * scale) === 0;
}

function decimalsOf(value: number): number {
  const [, fraction = "", exponent = "0"] = /^-?\d*(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  return Math.max(0, fraction.length - Number(exponent));
}

export function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
