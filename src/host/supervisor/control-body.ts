// Control `schemas`, `admin-access`: how a request on the control socket is read: bounded, then parsed strictly, and what is
// wrong with it is said with the field at fault.
import { parseSafely } from "../../controls/wire/parse.ts";
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { Problem } from "../../controls/wire/gate.ts";
import type { Host } from "./host.ts";
import { makeProblem } from "./problem.ts";

/** What a route answers: a problem, or a status with a JSON value (none for 204). */
export type Outcome = { readonly problem: Problem } | { readonly status: number; readonly value?: unknown };
export type Route = (host: Host, request: IncomingMessage, names: readonly string[]) => Promise<Outcome> | Outcome;

export interface Row {
  readonly method: string;
  readonly path: RegExp;
  readonly route: Route;
  /** True when the admin process may not ask it. */
  readonly isOperatorsAlone?: boolean;
}

/** Reads a body of at most `max` bytes; longer ones end the reading. */
export async function readBody(request: IncomingMessage, max: number): Promise<Buffer | Problem> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > max) return makeProblem(413, "body_too_large", `the body is over ${max} bytes: send less`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function describeIssues(error: z.ZodError): { detail: string; field: string } {
  const [issue] = error.issues;
  const path = [...(issue?.path ?? []), ...(issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [])].join(
    ".",
  );
  return { detail: `${path === "" ? "the body" : path}: ${issue?.message ?? "not understood"}`, field: path };
}

export async function parseJson<T>(
  request: IncomingMessage,
  schema: z.ZodType<T>,
  max: number,
): Promise<{ readonly value: T } | { readonly problem: Problem }> {
  const body = await readBody(request, max);
  if (!Buffer.isBuffer(body)) return { problem: body };
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: makeProblem(400, "not_json", `the body is not JSON: ${why}`) };
  }
  const parsed = parseSafely(schema, value);
  if (parsed.success) return { value: parsed.data };
  const { detail, field } = describeIssues(parsed.error);
  return { problem: makeProblem(422, "not_understood", detail, field) };
}
