// Control `schemas`: what the control socket answers when something is refused, as RFC 9457 documents. What a gate or
// the broker said is passed on only as bounded text: neither may speak in the supervisor's name.
import { parseSafely } from "../../controls/wire/parse.ts";
import { z } from "zod";
import type { Problem } from "../../controls/wire/gate.ts";
import type { Answer } from "./probe.ts";

const titles: Record<number, string> = {
  400: "Bad request",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  408: "Too slow",
  409: "Conflict",
  412: "Changed meanwhile",
  413: "Too large",
  415: "Not JSON",
  422: "Refused",
  500: "Broken",
  502: "Connection broken",
  503: "Not ready",
  504: "No answer",
};

/** A problem document; `reason` is a stable machine word, `detail` says what, where and how to fix it. */
export function makeProblem(status: number, reason: string, detail: string, field?: string): Problem {
  const title = titles[status] ?? "Refused";
  return { type: `urn:ambit:problem:${reason}`, title, status, detail, ...(field === undefined ? {} : { field }) };
}

export function noSuchDeployment(name: string): Problem {
  return makeProblem(404, "no_such_deployment", `there is no deployment ${name}: see ambit ls`);
}

const maxDetail = 2000;
const words = z.union([z.object({ detail: z.string() }), z.object({ message: z.string() })]);

/** In words that go to a person's terminal: what would move its cursor, or turn text round, is shown and not obeyed. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** The words of a part that answered with a refusal. */
export function describeAnswer(answer: Answer): string {
  let body: unknown;
  try {
    body = JSON.parse(answer.body);
  } catch {
    body = undefined;
  }
  // A gate says `detail`, the broker `message`.
  const parsed = parseSafely(words, body);
  const said = !parsed.success ? answer.body : "detail" in parsed.data ? parsed.data.detail : parsed.data.message;
  return said === "" ? `status ${answer.status}` : visible(said.slice(0, maxDetail));
}
