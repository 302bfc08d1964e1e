// Control `least-privilege`: a tool server says what arguments it takes; the gate checks every call against it, and the
// server is untrusted. An attacker sends a schema that explodes, a pattern that never ends, or one so loose that any
// argument passes. A schema that cannot be checked in bounded time is refused when it is pinned, not when it is used.
import { z } from "zod";
import type { JsonObject, Refusal } from "../../boundary.ts";

/** Largest input schema, characters of JSON. */
export const maxSchemaChars = 65_536;
const maxDepth = 12;
/** Longest string that is put to a pattern: the bound in `findPatternFault` rests on it. */
const maxPatternInput = 512;
const maxPatternLength = 200;

export interface ToolSchema {
  /** Top-level properties, for narrowing. */
  readonly properties: readonly string[];
  /** Undefined when the arguments fit, otherwise why not, naming the field. */
  check(args: JsonObject): Refusal | undefined;
}

/** Parses the JSON Schema of a tool's arguments, or says why it cannot be trusted to end. */
export function parseToolSchema(schema: unknown, tool: string): ToolSchema | Refusal {
  const text = JSON.stringify(schema) ?? "";
  if (text.length > maxSchemaChars) return unusable(tool, `is over ${maxSchemaChars} characters`);
  if (!isObject(schema) || schema["type"] !== "object") return unusable(tool, "is not a schema of type object");
  const fault = findFault(schema, 0);
  if (fault) return unusable(tool, fault);
  const properties = Object.keys(isObject(schema["properties"]) ? schema["properties"] : {});
  let parser: z.ZodType;
  try {
    parser = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (thrown) {
    return unusable(tool, `uses what cannot be checked (${thrown instanceof Error ? thrown.message : "unknown"})`);
  }
  return { properties, check: (args) => checkArguments(args, properties, parser) };
}

/** The schema without some top-level properties: what the model is shown. */
export function withoutProperties(schema: JsonObject, hidden: readonly string[]): JsonObject {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  return {
    ...schema,
    properties: Object.fromEntries(Object.entries(properties).filter(([key]) => !hidden.includes(key))) as JsonObject,
    required: required.filter((key) => typeof key === "string" && !hidden.includes(key)) as string[],
  };
}

function checkArguments(args: JsonObject, properties: readonly string[], parser: z.ZodType): Refusal | undefined {
  const extra = Object.keys(args).find((key) => !properties.includes(key));
  if (extra !== undefined) return badArguments(extra, "is not an argument of this tool");
  const long = findLongString(args);
  if (long !== undefined) return badArguments(long, "is too long");
  const parsed = parser.safeParse(args);
  if (parsed.success) return undefined;
  const issue = parsed.error.issues[0];
  return badArguments(issue?.path.map(String).join(".") ?? "", issue?.message ?? "does not fit the schema");
}

function findLongString(args: JsonObject): string | undefined {
  return Object.entries(args).find(([, value]) => JSON.stringify(value).length > 100_000)?.[0];
}

/** A refusal that names the argument at fault. */
export function badArguments(field: string, message: string): Refusal {
  return { control: "least-privilege", reason: "bad_arguments", field, message: `argument "${field}": ${message}` };
}

function unusable(tool: string, why: string): Refusal {
  const message = `the input schema of tool "${tool}" ${why}; the server has to offer a simpler one`;
  return { control: "least-privilege", reason: "bad_tool_schema", field: tool, message };
}

/** Walks the schema once; refuses depth, references, and patterns that could take more than linear time. */
function findFault(node: unknown, depth: number): string | undefined {
  if (depth > maxDepth) return `is nested deeper than ${maxDepth}`;
  if (Array.isArray(node)) return first(node, (item) => findFault(item, depth + 1));
  if (!isObject(node)) return undefined;
  if (typeof node["$ref"] === "string") return "uses $ref";
  if (isObject(node["patternProperties"])) return "uses patternProperties";
  if (typeof node["pattern"] === "string") {
    const fault = findPatternFault(node["pattern"]);
    if (fault) return fault;
    const longest = node["maxLength"];
    if (typeof longest !== "number" || longest > maxPatternInput) {
      return `has a pattern on a string without maxLength of at most ${maxPatternInput}`;
    }
  }
  return first(Object.values(node), (item) => findFault(item, depth + 1));
}

/**
 * Why a regular expression may backtrack without a useful bound; undefined when it cannot. Conservative: no
 * back-references, no look-around, no repeated group, and the number of ways to match one input of `maxPatternInput`
 * characters (choices, options, bounded and unbounded repetitions, start positions) stays under 2^27.
 */
export function findPatternFault(pattern: string): string | undefined {
  if (pattern.length > maxPatternLength) return `has a pattern over ${maxPatternLength} characters`;
  const bare = pattern.replace(/\\[^1-9k]/g, "a").replace(/\[(?:[^\]\\]|\\.)*\]/g, "a").replaceAll("(?:", "(");
  if (/\\[1-9k]|\(\?/.test(bare)) return `has the pattern ${pattern}, with a back-reference, look-around or named group`;
  if (/\)[*+{]/.test(bare)) return `has the pattern ${pattern}, which repeats a group`;
  const choices = [...bare.matchAll(/[|?]/g)].length;
  const bounded = [...bare.matchAll(/\{(\d+),(\d+)\}/g)];
  const spread = bounded.reduce((sum, [, low, high]) => sum + Math.log2(Math.max(1, Number(high) - Number(low) + 1)), 0);
  const unbounded = [...bare.matchAll(/[*+]|\{\d+,\}/g)].length;
  const starts = bare.startsWith("^") && !bare.includes("|") ? 0 : 1;
  if (choices + spread + 9 * (unbounded + starts) > 27) return `has the pattern ${pattern}, which may take too long`;
  try {
    new RegExp(pattern, "u");
  } catch {
    return `has the pattern ${pattern}, which is not a regular expression`;
  }
  return undefined;
}

function first<T>(items: readonly T[], look: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = look(item);
    if (found) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
