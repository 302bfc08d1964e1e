// Control `schemas`: the OpenAPI 3.1 document, made of the rows that parse. An attacker likes a document that promises a check
// nobody makes: every schema in here is the one that a request meets, turned into JSON Schema by the library that parses.
import { z } from "zod";
import { problem } from "../controls/wire/gate.ts";
import type { Row } from "./row.ts";

type Json = { readonly [key: string]: unknown };

interface Made {
  readonly schemas: Record<string, unknown>;
}

export interface OpenApi {
  readonly openapi: "3.1.0";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Json;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Json;
  readonly description?: string;
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly security: readonly Json[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Readonly<Record<string, { schema: Json }>> };
  readonly responses: Readonly<Record<string, Json>>;
  /** Least role, and the entry of the admin chain. */
  readonly "x-role": string;
  readonly "x-audit-event"?: string;
}

/** The document of a table. */
export function makeOpenApi(rows: readonly Row[], version: string): OpenApi {
  const made: Made = { schemas: { Problem: toSchema(problem, "output") } };
  const paths: Record<string, Record<string, Operation>> = {};
  for (const row of rows) (paths[row.path] ??= {})[row.method.toLowerCase()] = operationOf(row, made);
  const description =
    "Runs production AI agents, each inside its own operating boundary. Sign in with a token of `./ambit admin token`.";
  return {
    openapi: "3.1.0",
    info: { title: "Ambit", version, description },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "A token of `./ambit admin token`." } },
      schemas: made.schemas,
    },
  };
}

function operationOf(row: Row, made: Made): Operation {
  const { id, method, summary, role, event, body } = row;
  const who = role === "anyone" ? "For anyone, without a token." : `Takes a token of ${roleWords[role]}.`;
  return {
    operationId: id,
    summary,
    description: event === null ? who : `${who} Leaves the entry \`${event}\` on the admin chain.`,
    tags: [row.path.split("/")[2] ?? "ambit"],
    security: role === "anyone" ? [] : [{ token: [] }],
    parameters: [
      ...parametersOf(row.params, "path", made),
      ...parametersOf(row.query, "query", made),
      ...(method === "GET" ? [] : [idempotencyKey]),
      ...(row.ifMatch ? [ifMatch] : []),
    ],
    ...(body === null
      ? {}
      : { requestBody: { required: true, content: json(named(`${id}Request`, body, "input", made)) } }),
    responses: { [String(row.status)]: answerOf(row, made), ...acceptedOf(row, made), default: refused },
    "x-role": role,
    ...(event === null ? {} : { "x-audit-event": event }),
  };
}

const roleWords = { viewer: "anybody", approver: "an approver", operator: "an operator" } as const;

const idempotencyKey: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,128}$" },
  description: "The same key with the same request within 24 hours is done once and answered the same.",
};
const ifMatch: Parameter = {
  name: "If-Match",
  in: "header",
  required: false,
  schema: { type: "string" },
  description: "Entity tag of what is changed; needed when it exists.",
};
const refused = {
  description: "Refused: the problem names the field, and the rule where one refused.",
  content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
};

function answerOf(row: Row, made: Made): Json {
  if (row.status === 204) return { description: "Done." };
  const isJson = row.type === "application/json";
  const schema = isJson ? named(`${row.id}Answer`, row.answer, "output", made) : { type: "string" };
  return { description: "What was asked for.", content: { [row.type]: { schema } } };
}

function acceptedOf({ id, accepted }: Row, made: Made): Record<string, Json> {
  if (accepted === null) return {};
  const schema = named(`${id}Accepted`, accepted, "output", made);
  return { 202: { description: "Not done yet: this must happen first.", content: json(schema) } };
}

function json(schema: Json): Readonly<Record<string, { schema: Json }>> {
  return { "application/json": { schema } };
}

function parametersOf(schema: z.ZodObject, where: "path" | "query", made: Made): Parameter[] {
  const { properties = {}, required = [] } = toSchema(schema, "input", made) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...one }]) => ({
    name,
    in: where,
    required: where === "path" || required.includes(name),
    schema: one,
    ...(typeof description === "string" ? { description } : {}),
  }));
}

function named(name: string, schema: z.ZodType, io: "input" | "output", made: Made): Json {
  made.schemas[name] = toSchema(schema, io, made, name);
  return { $ref: `#/components/schemas/${name}` };
}

/** JSON Schema of a schema; what it defines for itself becomes a component of its own. */
function toSchema(schema: z.ZodType, io: "input" | "output", made?: Made, name = ""): Json {
  const {
    $schema: _dialect,
    $defs,
    ...rest
  } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as {
    $defs?: Record<string, Json>;
  } & Json;
  if ($defs === undefined || made === undefined) return rest;
  const move = (value: Json): Json =>
    JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', `"#/components/schemas/${name}_`)) as Json;
  for (const [key, value] of Object.entries($defs)) made.schemas[`${name}_${key}`] = move(value);
  return move(rest);
}
