// The OpenAI face's errors: what a problem document says, in the shape its clients read. They repeat by themselves what looks
// like passing trouble, and without an Idempotency-Key a repeated message is a second one: where it may have been taken in,
// `x-should-retry` tells them not to.
import type { Problem } from "../../controls/wire/gate.ts";

const paths = /^\/v1\/(?:chat\/completions|responses|models)(?:\/|$)/;

/** Whether a path belongs to the OpenAI face. */
export function isOpenAiPath(path: string): boolean {
  return paths.test(path);
}

const typeOf: Readonly<Record<number, string>> = { 401: "authentication_error", 403: "permission_error" };

/** The body of an error. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string;
  };
}

/** Says a problem in that shape: `code` is the word that Ambit's own problems have. */
export function openAiError(
  status: number,
  { type, detail, field }: Pick<Problem, "type" | "detail" | "field">,
): OpenAiError {
  const byStatus = status === 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
  const code = type.slice(type.lastIndexOf(":") + 1);
  // Many clients show the message alone.
  const message = field === undefined || detail.includes(field) ? detail : `${field}: ${detail}`;
  return { error: { message, type: typeOf[status] ?? byStatus, param: field ?? null, code } };
}

/** A problem document becomes an OpenAI error; any other answer stays as it is. `hasKey`: a retry is the same message. */
export async function asOpenAiError(response: Response, hasKey: boolean): Promise<Response> {
  if (response.headers.get("content-type") !== "application/problem+json") return response;
  const status = response.status === 422 ? 400 : response.status;
  const answer = Response.json(openAiError(status, await response.json()), { status });
  for (const [name, value] of response.headers) if (!name.startsWith("content-")) answer.headers.set(name, value);
  // The same request can never become another one; and nobody knows whether a message was taken in before the trouble.
  if (status === 409 || (status === 503 && !hasKey)) answer.headers.set("x-should-retry", "false");
  return answer;
}
