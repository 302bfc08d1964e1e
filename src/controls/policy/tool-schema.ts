// Control `least-privilege`: a tool server says what arguments it takes; the gate checks every call against it, and the
// server is untrusted. An attacker sends a schema that explodes, a pattern that never ends, or one so loose that any
// argument passes. A schema that cannot be checked exactly and in bounded time is refused when it is pinned, not when it
// is used; what arguments cost to check is counted, and a call that costs too much is refused.
import type { JsonObject, Refusal } from "../../boundary.ts";
import { findJsonFault } from "./json-bounds.ts";
import { parseJsonSchema } from "./json-schema.ts";
import type { Rule } from "./schema-rules.ts";

/** Largest input schema, characters of JSON. */
export const maxSchemaChars = 65_536;
const maxSchemaDepth = 64;
/** Largest single argument, and how deep it may be nested. */
const argumentLimits = { chars: 100_000, depth: 32 };
/** Steps one call's arguments may take to check: a few tenths of a second at worst, measured in the test. */
const maxSteps = 1_000_000;
/** Of a name or message that somebody else chose, this much is repeated. */
const maxShown = 200;

export interface ToolSchema {
  /** Top-level properties, for narrowing. */
  readonly properties: readonly string[];
  /** Undefined when the arguments fit, otherwise why not, naming the field. */
  check(args: JsonObject): Refusal | undefined;
}

/** Parses the JSON Schema of a tool's arguments, or says why it cannot be trusted. */
export function parseToolSchema(schema: unknown, tool: string): ToolSchema | Refusal {
  const bulk = findJsonFault(schema, { chars: maxSchemaChars, depth: maxSchemaDepth });
  if (bulk) return unusable(tool, `${bulk.message}${bulk.field ? ` at ${bulk.field.slice(0, maxShown)}` : ""}`);
  if (JSON.stringify(schema).length > maxSchemaChars) return unusable(tool, `is over ${maxSchemaChars} characters`);
  if (!isObject(schema) || schema["type"] !== "object") return unusable(tool, "is not a schema of type object");
  const rule = parseJsonSchema(schema);
  if (typeof rule === "string") return unusable(tool, rule);
  const properties = Object.keys(isObject(schema["properties"]) ? schema["properties"] : {});
  return { properties, check: (args) => checkArguments(args, properties, rule) };
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

function checkArguments(args: JsonObject, properties: readonly string[], rule: Rule): Refusal | undefined {
  for (const [name, value] of Object.entries(args)) {
    if (!properties.includes(name)) return badArguments(name, "is not an argument of this tool");
    const fault = findJsonFault(value, argumentLimits);
    if (fault) return badArguments(fault.field ? `${name}.${fault.field}` : name, fault.message);
  }
  const fault = rule(args, "", { left: maxSteps });
  return fault && badArguments(fault.field || "(all)", fault.message);
}

/** A refusal that names the argument at fault. */
export function badArguments(field: string, message: string): Refusal {
  const named = field.slice(0, maxShown).toWellFormed();
  return {
    control: "least-privilege",
    reason: "bad_arguments",
    field: named,
    message: `argument "${named}": ${message}`,
  };
}

function unusable(tool: string, why: string): Refusal {
  const message = `the input schema of tool "${tool}" ${why}; the server has to offer a simpler one`;
  return { control: "least-privilege", reason: "bad_tool_schema", field: tool, message };
}

function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
