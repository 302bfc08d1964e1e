// Control `audit`: what the broker says in its own name. A hostile upstream wants its own answer taken for the broker's
// word, so the header that marks that word is set here and stripped from everything that comes from outside.
import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Json, Refusal } from "../../boundary.ts";
import { brokerHeader, type BrokerProblem, type BrokerWord } from "../../controls/wire/door.ts";

/** A whole answer in memory. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

export interface Problem extends BrokerProblem {
  readonly status: number;
}

const statusOf: Record<BrokerWord, number> = {
  refused: 403,
  unreachable: 502,
  broken: 502,
  too_large: 502,
  overloaded: 429,
};

/** @param message one line: what, where, how to fix it; never a secret, a body or a query */
export function problem(word: BrokerWord, reason: string, message: string): Problem {
  return { word, reason: reason.slice(0, 64), message: message.slice(0, 500), status: statusOf[word] };
}

export function refusalProblem(refusal: Refusal): Problem {
  return problem("refused", refusal.reason, refusal.message);
}

/** The broker cannot write down what it is about to do, so it does not do it. */
export function storageProblem(): Problem {
  const message =
    "the broker cannot write to its state folder, so nothing was sent; free space on its disk (./ambit doctor)";
  return { ...problem("refused", "storage_failed", message), status: 502 };
}

/** The freeze switch: not one byte of this request left. */
export function frozenProblem(): Problem {
  return problem("refused", "frozen", "this deployment is frozen; nothing was sent");
}

export function problemAnswer({ status, word, reason, message }: Problem): Answer {
  return jsonAnswer(status, { word, reason, message }, { [brokerHeader]: word });
}

export function jsonAnswer(status: number, value: Json, headers: OutgoingHttpHeaders = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value), "utf8"),
  };
}

/** Writes a whole answer, unless whoever asked is gone. */
export function sendAnswer(response: ServerResponse, answer: Answer): void {
  if (response.destroyed || response.headersSent) return;
  const hasBody = answer.status !== 204 && answer.status !== 304;
  response.writeHead(
    answer.status,
    hasBody ? { ...answer.headers, "content-length": String(answer.body.length) } : answer.headers,
  );
  response.end(hasBody ? answer.body : undefined);
}
