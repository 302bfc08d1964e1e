// Control `schemas`: what admin answers when something is refused: RFC 9457 documents that name the field at fault and, where
// a rule refused, the rule. Words that a caller or another process chose are shown, never obeyed by a terminal, and bounded.
import { parseSafely } from "../controls/wire/parse.ts";
import { printable } from "../controls/manifest/printable.ts";
import { problem as problemSchema, type Decision, type Problem } from "../controls/wire/gate.ts";

const maxDetailChars = 2000;
const maxFieldChars = 300;

/** A whole answer: what is sent, and what is kept for an Idempotency-Key. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Refused {
  readonly status: number;
  /** Machine word, the last part of the problem's `type`. */
  readonly code: string;
  readonly detail: string;
  readonly field?: string | undefined;
  readonly decision?: Decision | undefined;
  /** Where a release may do more and nobody accepted it: what. */
  readonly authority?: Problem["authority"];
  readonly headers?: Readonly<Record<string, string>>;
}

export function problemReply({ status, code, detail, field, decision, authority, headers = {} }: Refused): Reply {
  const body = {
    type: `urn:ambit:problem:${code}`,
    title: code.replaceAll("_", " "),
    status,
    detail: printable(detail, maxDetailChars),
    ...(field === undefined ? {} : { field: printable(field, maxFieldChars) }),
    ...(decision === undefined ? {} : { decision }),
    ...(authority === undefined ? {} : { authority }),
  };
  return { status, headers: { ...headers, "content-type": "application/problem+json" }, body: JSON.stringify(body) };
}

/** A refusal that another process made, in its own words. */
export function passOnProblem(status: number, body: unknown): Refused {
  const parsed = parseSafely(problemSchema, body);
  if (!parsed.success) return { status: 502, code: "answer_not_understood", detail: `it was answered with ${status}` };
  const { type, detail, field, decision, authority } = parsed.data;
  const code = /^urn:ambit:problem:([a-z_]{1,64})$/.exec(type)?.[1] ?? "refused";
  return { status, code, detail, field, decision, authority };
}
