// Control `least-privilege`: JSON Schema (2020-12) as far as tools use it, each keyword with its exact meaning and each
// step of a check counted. The schema comes from an untrusted server and the value from whoever steers the model: a
// converter that drops a keyword lets arguments pass, one that tries 3,000 alternatives on 50,000 items stops the gate.
// A keyword that constrains and is not here makes the whole schema unusable; a word that only describes is skipped.
import type { Meter } from "./pattern.ts";
import {
  additionalRule,
  allOf,
  bounded,
  combine,
  countOf,
  findTwin,
  formatRule,
  isMultiple,
  isObject,
  itemsRule,
  measures,
  namesRule,
  oneOfValues,
  patternRule,
  prefixRule,
  propertiesRule,
  requiredRule,
  typeRule,
  type Compile,
  type Compiled,
  type Schema,
} from "./schema-rules.ts";

type Keyword = (operand: unknown, schema: Schema, compile: Compile, states: Meter) => Compiled;

const maxDepth = 16;
const maxPatternStates = 5000;
/** Schemas in one schema, references followed: two references in each of twenty definitions are a million. */
const maxSchemas = 5000;
const localRef = /^#\/(\$defs|definitions)\/([^/~%]{1,100})$/;

/** Parses a schema into one rule, or says why it cannot be used. */
export function parseJsonSchema(schema: unknown): Compiled {
  const states = { left: maxPatternStates };
  let schemas = 0;
  return compileAt(schema, 0);

  function compileAt(node: unknown, depth: number): Compiled {
    if (typeof node === "boolean") return (_, field) => (node ? undefined : { field, message: "is not allowed here" });
    if (!isObject(node)) return "holds something that is not a schema";
    if (depth > maxDepth) return `is nested deeper than ${maxDepth}, or refers to itself`;
    if (++schemas > maxSchemas) return `holds more than ${maxSchemas} schemas`;
    const rules: Compiled[] = [];
    for (const [word, operand] of Object.entries(node)) {
      if (unsupported.has(word)) return `uses ${word}`;
      if (word === "$ref") {
        rules.push(compileRef(operand, depth));
        continue;
      }
      const keyword = keywords.get(word);
      if (keyword) rules.push(keyword(operand, node, (inner) => compileAt(inner, depth + 1), states));
    }
    return allOf(rules);
  }

  /** Only into the schema's own definitions, by plain name; one that comes back to itself ends at the depth limit. */
  function compileRef(operand: unknown, depth: number): Compiled {
    const [, section = "", name = ""] = localRef.exec(String(operand)) ?? [];
    const definitions = isObject(schema) ? schema[section] : undefined;
    if (!isObject(definitions) || !Object.hasOwn(definitions, name)) {
      return "uses a $ref that does not point into its own $defs";
    }
    return compileAt(definitions[name], depth + 1);
  }
}

/** Constrain a value and are not understood here. Any other unknown word is a description, as the standard says. */
const unsupported = new Set([
  ...["$dynamicRef", "$recursiveRef", "not", "if", "then", "else", "patternProperties", "additionalItems"],
  ...["dependencies", "dependentSchemas", "dependentRequired", "unevaluatedItems", "unevaluatedProperties"],
  ...["contains", "minContains", "maxContains"],
]);

const keywords = new Map<string, Keyword>([
  ["type", (operand) => typeRule(Array.isArray(operand) ? operand : [operand])],
  ["enum", (operand) => (Array.isArray(operand) ? oneOfValues(operand) : "has an enum that is not a list")],
  ["const", (operand) => oneOfValues([operand])],
  ["minLength", bounded(measures.characters, (value, bound) => value >= bound, "has fewer characters than")],
  ["maxLength", bounded(measures.characters, (value, bound) => value <= bound, "has more characters than")],
  ["minItems", bounded(measures.items, (value, bound) => value >= bound, "has fewer items than")],
  ["maxItems", bounded(measures.items, (value, bound) => value <= bound, "has more items than")],
  ["minProperties", bounded(measures.members, (value, bound) => value >= bound, "has fewer members than")],
  ["maxProperties", bounded(measures.members, (value, bound) => value <= bound, "has more members than")],
  ["minimum", bounded(measures.number, (value, bound) => value >= bound, "is below the minimum of")],
  ["maximum", bounded(measures.number, (value, bound) => value <= bound, "is above the maximum of")],
  ["exclusiveMinimum", bounded(measures.number, (value, bound) => value > bound, "is not above")],
  ["exclusiveMaximum", bounded(measures.number, (value, bound) => value < bound, "is not below")],
  ["multipleOf", bounded(measures.number, isMultiple, "is not a multiple of")],
  ["pattern", (operand, _schema, _compile, states) => patternRule(operand, states)],
  ["format", (operand) => formatRule(operand)],
  ["uniqueItems", (operand) => (operand === true ? findTwin : allOf([]))],
  ["items", (operand, schema, compile) => itemsRule(operand, schema, compile)],
  ["prefixItems", (operand, _schema, compile) => prefixRule(operand, compile)],
  ["required", (operand) => requiredRule(operand)],
  ["properties", (operand, _schema, compile) => propertiesRule(operand, compile)],
  ["additionalProperties", (operand, schema, compile) => additionalRule(operand, schema, compile)],
  ["propertyNames", (operand, _schema, compile) => namesRule(compile(operand))],
  ["allOf", (operand, _schema, compile) => combine(operand, compile, allOf)],
  ["anyOf", (operand, _schema, compile) => combine(operand, compile, (rules) => countOf(rules, false))],
  ["oneOf", (operand, _schema, compile) => combine(operand, compile, (rules) => countOf(rules, true))],
]);
