// Control `schemas`: a body from its bytes to a JSON value that the rest can carry. An attacker sends a hundred megabytes, a
// hundred thousand brackets, half a character, or another type that a browser may send without asking; all are refused before
// a schema looks.
import { findJsonFault } from "../controls/policy/json-bounds.ts";
import type { Refused } from "./problem.ts";

const maxDepth = 64;

/** The bytes; `large` when there are more than `max`, then the rest is not read; `cut` when they ended too early. */
export async function readBytes(request: Request, max: number): Promise<Uint8Array | "large" | "cut"> {
  const announced = Number(request.headers.get("content-length") ?? "0");
  if (announced > max) return "large";
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const read = await reader.read().catch(() => undefined);
    if (read === undefined) return "cut";
    const { done, value } = read;
    if (done) return Buffer.concat(chunks);
    size += value.byteLength;
    if (size > max) {
      await reader.cancel().catch(() => undefined);
      return "large";
    }
    chunks.push(value);
  }
}

/** True when the body is said to be JSON in UTF-8. */
export function isJson(contentType: string | null): boolean {
  return /^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(contentType ?? "");
}

/** The JSON value of a body. */
export function parseJson(bytes: Uint8Array): { readonly value: unknown } | Refused {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return { status: 400, code: "not_json", detail: "(body): is not JSON in UTF-8", field: "(body)" };
  }
  const fault = findJsonFault(value, { chars: bytes.byteLength + 1, depth: maxDepth });
  if (fault === undefined) return { value };
  const field = fault.field === "" ? "(body)" : fault.field;
  return { status: 422, code: "not_understood", detail: `${field}: ${fault.message}`, field };
}
