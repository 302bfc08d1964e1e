// The JSON Schema and the field table of the deployment file, both made from the zod schema that parses it, so that an
// editor, a reader and the parser cannot disagree. `node docs/deployment-file.ts` writes agent.schema.json and the part of
// deployment-file.md between its markers.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { manifestSchema } from "../src/controls/manifest/schema.ts";
import { durationPattern, ratePattern } from "../src/controls/manifest/shapes.ts";
import { renderTable } from "./controls-table.ts";

const start = "<!-- fields:start -->";
const end = "<!-- fields:end -->";
const page = fileURLToPath(new URL("deployment-file.md", import.meta.url));
const schemaFile = fileURLToPath(new URL("agent.schema.json", import.meta.url));
/** What to run when the files differ. */
export const command = "node docs/deployment-file.ts";

/** The part of JSON Schema that zod writes for a deployment file. */
export interface Field {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly properties?: { readonly [name: string]: Field };
  readonly required?: readonly string[];
  readonly items?: Field;
  readonly anyOf?: readonly Field[];
  readonly additionalProperties?: Field | boolean;
}

/** JSON Schema (2020-12) of a deployment file as it is written, for editors. */
export function makeJsonSchema(): Field {
  return z.toJSONSchema(manifestSchema, { io: "input" }) as Field;
}

/** The text of agent.schema.json. */
export function renderJsonSchema(): string {
  return `${JSON.stringify(makeJsonSchema(), null, 2)}\n`;
}

/** Cells of the field table, heading first: field, what it is, default, meaning. Names that the operator chooses are in `<>`. */
export function cellsOf(schema: Field): string[][] {
  const cells = fieldRows(schema, "").map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  return [["field", "is", "default", "meaning"], ...cells];
}

function fieldRows(schema: Field, path: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const at = path === "" ? name : `${path}.${name}`;
    const isRequired = schema.required?.includes(name) ?? false;
    return [
      [`\`${at}\``, kindOf(field), defaultOf(field, isRequired), field.description ?? ""],
      ...innerRows(field, at),
    ];
  });
}

function innerRows(field: Field, at: string): string[][] {
  const inner = typeof field.additionalProperties === "object" ? field.additionalProperties : undefined;
  if (inner?.properties === undefined) return fieldRows(field, at);
  const name = `${at}.<${singular(at)}>`;
  return [[`\`${name}\``, kindOf(inner), "", inner.description ?? ""], ...fieldRows(inner, name)];
}

function singular(path: string): string {
  return (path.split(".").at(-1) ?? "").replace(/s$/, "");
}

function defaultOf(field: Field, isRequired: boolean): string {
  if (isRequired) return "required";
  const { default: value } = field;
  return value === undefined || typeof value === "object" ? "" : `\`${String(value)}\``;
}

function kindOf(field: Field): string {
  if (field.enum) return field.enum.map((value) => `\`${String(value)}\``).join(" | ");
  if (field.const !== undefined) return `\`${JSON.stringify(field.const)}\``;
  if (field.anyOf) return field.anyOf.map(kindOf).join(" or ");
  if (field.type === "array") return `list of up to ${field.maxItems}: ${kindOf(field.items ?? {})}`;
  if (field.type === "object")
    return typeof field.additionalProperties === "object" ? mapKind(field.additionalProperties) : "object";
  if (field.type === "integer" && field.minimum !== undefined)
    return `whole number, ${field.minimum} to ${field.maximum}`;
  if (field.type === "number" && field.maximum !== undefined) return `number up to ${field.maximum}`;
  if (field.pattern === durationPattern.source) return "duration";
  if (field.pattern === ratePattern.source) return "rate";
  return field.type === "string" ? "text" : field.type === "boolean" ? "true or false" : (field.type ?? "anything");
}

function mapKind(field: Field): string {
  return field.properties ? "by name" : `by name: ${kindOf(field)}`;
}

/** The page with what stands between its markers replaced by `table`. Throws a sentence that says what is missing. */
export function replaceFields(markdown: string, table: string): string {
  const [before, old, ...rest] = markdown.split(start);
  const [, after, ...more] = (old ?? "").split(end);
  if (before === undefined || after === undefined || rest.length > 0 || more.length > 0) {
    throw new Error(
      `docs/deployment-file.md needs the lines "${start}" and "${end}" once each, in that order; then run: ${command}`,
    );
  }
  return `${before}${start}\n\n${table}\n\n${end}${after}`;
}

/** The two files as they stand, and as they should. */
export function readFiles(): readonly {
  readonly name: string;
  readonly path: string;
  readonly is: string;
  readonly should: string;
}[] {
  const markdown = readFileSync(page, "utf8");
  const table = renderTable(cellsOf(makeJsonSchema()));
  return [
    { name: "docs/deployment-file.md", path: page, is: markdown, should: replaceFields(markdown, table) },
    { name: "docs/agent.schema.json", path: schemaFile, is: readOrEmpty(schemaFile), should: renderJsonSchema() },
  ];
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

if (import.meta.main) for (const { path, should } of readFiles()) writeFileSync(path, should);
