// Control `review`, `workflow`: a tool call whose outcome must be known. A kill at any moment wants it made twice, or made
// and forgotten. Must stay true, in this order: the claim is on disk, then the connection, then the bytes; the whole answer
// is on disk before the gate gets it; a gate that goes away changes nothing. Only a break between the first byte out and
// the last byte in leaves the outcome unknown.
import type { IncomingMessage } from "node:http";
import { hostPort } from "../../controls/egress/url.ts";
import { maxAnswerBytes } from "../../controls/wire/door.ts";
import { frozenProblem, problem, problemAnswer, storageProblem, type Answer, type Problem } from "./answer.ts";
import { AnswerEnd } from "./answer-end.ts";
import type { Deployment } from "./deployment.ts";
import { exchange, piecesOf, reasonOf, type Limits } from "./exchange.ts";
import { brokenProblem, passedHeaders, type Ending, type Prepared } from "./forward.ts";
import { isEncoded } from "./headers.ts";
import type { Hold } from "./load.ts";

/** After the response of a call a server has this long to end its stream, so that the connection can be used again. */
const drainMs = 1000;

export interface Forwarded {
  readonly answer: Answer;
  readonly ending: Ending;
  /** False when the request never left: nothing was dialled. */
  readonly isDialled: boolean;
}

type Sent = { readonly answer: Answer; readonly contentType: string; readonly problem?: Problem };

/**
 * Forwards one call under its key, at most once in the life of the key.
 * @param call `<callId>.<attempt>`
 */
export async function forwardCall(
  deployment: Deployment,
  prepared: Prepared,
  call: string,
  hold: Hold,
): Promise<Forwarded> {
  const { calls } = deployment.services;
  const { name } = deployment;
  try {
    const begun = calls.begin(name, call, hostPort(prepared.destination.host, prepared.destination.port));
    if (begun !== "begun") return refuse(begun === "known" ? knownProblem(call) : fullProblem);
  } catch (error) {
    deployment.refusalLog("error", "storage_failed", { deployment: name, call, error: (error as Error).message });
    return refuse(storageProblem());
  }
  try {
    return await sendClaimed(deployment, prepared, call, hold);
  } finally {
    calls.end(name, call);
  }
}

async function sendClaimed(deployment: Deployment, prepared: Prepared, call: string, hold: Hold): Promise<Forwarded> {
  const dialled = await deployment.pool.acquire(prepared.destination, true);
  if (dialled.ok && deployment.isFrozen) dialled.value.socket.destroy();
  if (!dialled.ok || deployment.isFrozen) {
    store(deployment, call, () => deployment.services.calls.release(deployment.name, call));
    const why = dialled.ok ? frozenProblem() : problem(dialled.word, dialled.reason, dialled.message);
    return { answer: problemAnswer(why), ending: { bytes: 0, problem: why }, isDialled: true };
  }
  const limits = deployment.limitsFor(prepared.destination);
  const reply = await exchange(dialled.value, prepared.outgoing, limits);
  const sent = reply.ok ? await collect(prepared, reply.response, reply.abort, limits, hold) : reply.reason;
  return typeof sent === "string"
    ? breakCall(deployment, prepared, call, sent)
    : recordCall(deployment, prepared, call, sent);
}

/** The answer is passed on only once it is on disk: what the gate was told, the outcome must say as well. */
function recordCall(deployment: Deployment, prepared: Prepared, call: string, sent: Sent): Forwarded {
  const { answer, contentType } = sent;
  const isStored = store(deployment, call, () =>
    deployment.services.calls.answered(deployment.name, call, {
      status: answer.status,
      contentType,
      body: answer.body,
    }),
  );
  if (!isStored) return breakCall(deployment, prepared, call, "storage_failed");
  const ending: Ending = { status: answer.status, bytes: answer.body.length };
  return {
    answer,
    ending: sent.problem === undefined ? ending : { ...ending, problem: sent.problem },
    isDialled: true,
  };
}

function breakCall(deployment: Deployment, prepared: Prepared, call: string, reason: string): Forwarded {
  store(deployment, call, () => deployment.services.calls.broken(deployment.name, call, reason));
  const why = brokenProblem(prepared.destination, reason);
  return { answer: problemAnswer(why), ending: { bytes: 0, problem: why }, isDialled: true };
}

/** The whole answer, or the reason why there is none. */
async function collect(
  prepared: Prepared,
  from: IncomingMessage,
  abort: () => void,
  limits: Limits,
  hold: Hold,
): Promise<Sent | string> {
  const contentType = prepared.cutter.cut(from.headers["content-type"] ?? "");
  if (isEncoded(from.headers)) {
    abort();
    return "answer_encoded";
  }
  const end = /^text\/event-stream\b/i.test(contentType) ? new AnswerEnd() : null;
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of piecesOf(from, limits.idleMs)) {
      const length = end?.find(piece) ?? -1;
      const part = length === -1 ? piece : piece.subarray(0, length);
      bytes += part.length;
      if (bytes > maxAnswerBytes || !hold.take(part.length)) {
        abort();
        return tooLarge(prepared);
      }
      pieces.push(part);
      if (length !== -1) {
        drain(from, abort);
        break;
      }
    }
  } catch (error) {
    return reasonOf(error);
  }
  const body = Buffer.concat([prepared.cutter.push(Buffer.concat(pieces)), prepared.cutter.end()]);
  return {
    answer: { status: from.statusCode ?? 502, headers: passedHeaders(from, prepared.cutter), body },
    contentType,
  };
}

/** The other side did act, so this counts as answered; what is kept is what the gate is told. */
function tooLarge(prepared: Prepared): Sent {
  const why = problem(
    "too_large",
    "answer_too_large",
    `${prepared.destination.host} answered with more than ${maxAnswerBytes} bytes, or this deployment holds too many answers at once`,
  );
  return { answer: problemAnswer(why), contentType: "application/json", problem: why };
}

function drain(from: IncomingMessage, abort: () => void): void {
  const timer = setTimeout(abort, drainMs).unref();
  from.on("error", () => undefined).on("close", () => clearTimeout(timer));
  from.resume();
}

const fullProblem = problem(
  "overloaded",
  "too_many_calls",
  "this deployment made more calls in the last 7 days than the broker keeps; nothing was sent",
);

function knownProblem(call: string): Problem {
  const message = `call ${call} was forwarded or given up before; nothing was sent, ask outcome.internal`;
  return problem("refused", "call_already_forwarded", message);
}

function refuse(why: Problem): Forwarded {
  return { answer: problemAnswer(why), ending: { bytes: 0, problem: why }, isDialled: false };
}

function store(deployment: Deployment, call: string, write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    deployment.refusalLog("error", "storage_failed", {
      deployment: deployment.name,
      call,
      error: (error as Error).message,
    });
    return false;
  }
}
