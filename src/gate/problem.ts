// Answers to outsiders when something is refused: RFC 9457 problem documents with a generic code and, where the caller's
// own input is at fault, the field. What an operator needs beyond that is in the audit.
import { parseSafely } from "../controls/wire/parse.ts";
import type { z } from "zod";
import type { Refusal } from "../boundary.ts";
import { printable } from "../controls/manifest/printable.ts";
import { maxGateRequestBytes } from "../controls/wire/gate.ts";

/** An operator's terminal shows these words, and a caller, a model or a tool server may have chosen some of them. */
const maxDetailChars = 1500;
const maxFieldChars = 300;

/** A problem document; `code` becomes the last part of its `type`. */
export function problemResponse(
  status: number,
  code: string,
  detail: string,
  field?: string,
  headers: HeadersInit = {},
  more: { reply?: string } = {},
): Response {
  const named = field ? { field: printable(field, maxFieldChars) } : {};
  const words = { title: code.replaceAll("_", " "), status, detail: printable(detail, maxDetailChars), ...named };
  const body = { type: `urn:ambit:problem:${code}`, ...words, ...more };
  const response = Response.json(body, { status, headers });
  response.headers.set("content-type", "application/problem+json");
  return response;
}

const statusOf: Readonly<Record<string, number>> = {
  bad_request: 400,
  too_many_signatures: 400,
  signature_not_valid: 401,
  timestamp_not_valid: 401,
  sender_not_listed: 403,
  channel_off: 403,
  idempotency_key_reused: 409,
  too_many_messages: 429,
  budget_spent: 429,
  frozen: 503,
};

/** A refusal as outsiders see it; `reply` is what the sender of a message may be told. */
export function refusalResponse(
  refusal: Refusal,
  { headers, ...more }: { reply?: string; headers?: Record<string, string> } = {},
): Response {
  const status = statusOf[refusal.reason] ?? 403;
  const all = { ...(status === 429 ? { "retry-after": "5" } : {}), ...headers };
  return problemResponse(status, refusal.reason, refusal.message, refusal.field, all, more);
}

/** Reads and parses a JSON body, or says which field is wrong. */
export async function parseBody<T>(request: Request, schema: z.ZodType<T>): Promise<T | Response> {
  const bytes = await readBody(request, maxGateRequestBytes);
  return bytes instanceof Response ? bytes : parseBytes(bytes, schema);
}

/** The bytes of a body that says it is JSON, at most so many. */
export async function readBody(request: Request, mostBytes: number): Promise<Uint8Array | Response> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json")
    return problemResponse(415, "wrong_content_type", "send application/json", "Content-Type");
  const bytes = await readBounded(request, mostBytes);
  return bytes ?? problemResponse(413, "too_large", `at most ${mostBytes} bytes are read`);
}

/** Parses a JSON body that was read, or says which field is wrong. */
export function parseBytes<T>(bytes: Uint8Array, schema: z.ZodType<T>): T | Response {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return problemResponse(400, "not_json", "the body is not JSON in UTF-8");
  }
  const parsed = parseSafely(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const unknownKey = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const field = [...(issue?.path ?? []), ...(unknownKey === undefined ? [] : [unknownKey])].map(String).join(".");
  return problemResponse(
    422,
    "bad_request",
    unknownKey ? `unknown key "${unknownKey}"` : (issue?.message ?? ""),
    field || "(body)",
  );
}

/** Reads what a refused request still sends, up to the cap: closing on a writing caller would cost it the answer. */
export async function drainBody(request: Request): Promise<void> {
  if (!request.bodyUsed) await readBounded(request, maxGateRequestBytes);
}

async function readBounded(request: Request, mostBytes: number): Promise<Uint8Array | undefined> {
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > maxGateRequestBytes) {
      await reader.cancel();
      return undefined;
    }
    // What is too much is read all the same, and thrown away.
    if (size <= mostBytes) chunks.push(value);
  }
  if (size > mostBytes) return undefined;
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
