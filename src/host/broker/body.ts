// Control `schemas`, `runtime`: reading what a gate or the supervisor sends. The other side wants to send without end, or
// stop in the middle. Must stay true: nothing is read beyond its cap, and half a request is no request.
import { parseSafely } from "../../controls/wire/parse.ts";
import type { IncomingMessage } from "node:http";
import type { z } from "zod";
import type { Hold } from "./load.ts";
import { problem, type Problem } from "./answer.ts";

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** The whole body, or why not. @param hold counts the bytes; left out where only the operator can write */
export async function readBody(request: IncomingMessage, maxBytes: number, hold?: Hold): Promise<Read<Buffer>> {
  const tooLarge = problem(
    "refused",
    "request_too_large",
    `the request body is over ${maxBytes} bytes; send less at once`,
  );
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return { ok: false, problem: tooLarge };
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of request.iterator({ destroyOnReturn: false })) {
      length += (piece as Buffer).length;
      if (length > maxBytes) return { ok: false, problem: tooLarge };
      if (hold?.take((piece as Buffer).length) === false) return { ok: false, problem: overloaded };
      pieces.push(piece as Buffer);
    }
  } catch {
    return { ok: false, problem: problem("refused", "request_incomplete", "the request broke off; nothing was sent") };
  }
  return { ok: true, value: Buffer.concat(pieces) };
}

/** A JSON body of this shape, or the first field at fault. */
export async function readJson<T>(
  request: IncomingMessage,
  schema: z.ZodType<T>,
  maxBytes: number,
  hold?: Hold,
): Promise<Read<T>> {
  const body = await readBody(request, maxBytes, hold);
  if (!body.ok) return body;
  let value: unknown;
  try {
    value = JSON.parse(body.value.toString("utf8"));
  } catch {
    return { ok: false, problem: problem("refused", "bad_request", "the request body is not JSON") };
  }
  const parsed = parseSafely(schema, value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  const where = issue?.path.join(".") ?? "";
  return {
    ok: false,
    problem: problem(
      "refused",
      "bad_request",
      `${where === "" ? "the body" : where}: ${issue?.message ?? "not of the agreed form"}`,
    ),
  };
}

export const overloaded = problem(
  "overloaded",
  "overloaded",
  "this deployment has too many requests under way; nothing was sent, try again later",
);
