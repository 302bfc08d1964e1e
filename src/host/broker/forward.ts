// Control `callbacks`, `secrets`: a request on its way out. A gate that was taken over wants a destination that its
// deployment may not reach, or a credential sent where it can read it. Must stay true: the rules decide before anything is
// read or dialled, the credential goes into one header of one request and nowhere else, and nothing is followed or
// repeated.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Destination } from "../../controls/egress/destination.ts";
import { hostPort } from "../../controls/egress/url.ts";
import { maxAnswerBytes, maxDoorRequestBytes, maxModelAnswerBytes } from "../../controls/wire/door.ts";
import { frozenProblem, problem, problemAnswer, sendAnswer, type Problem } from "./answer.ts";
import { readBody, type Read } from "./body.ts";
import { Cutter } from "./cut.ts";
import type { Deployment } from "./deployment.ts";
import { exchange, piecesOf, reasonOf, type Outgoing } from "./exchange.ts";
import { answerHeaders, isEncoded, outgoingHeaders } from "./headers.ts";
import type { Hold } from "./load.ts";

/** A request that passed every rule and was not sent yet. */
export interface Prepared {
  readonly destination: Destination;
  readonly outgoing: Outgoing;
  readonly cutter: Cutter;
}

/** How an outgoing request ended, for its one log line. */
export interface Ending {
  readonly status?: number;
  readonly bytes: number;
  readonly problem?: Problem;
}

const anthropicVersion = "2023-06-01";

/** Reads the request and adds the credential. Nothing is dialled. */
export async function prepare(
  deployment: Deployment,
  destination: Destination,
  request: IncomingMessage,
  hold: Hold,
): Promise<Read<Prepared>> {
  const { credential } = destination;
  const value = credential === null ? null : deployment.services.secrets.open(deployment.name, credential.secret);
  if (credential !== null && value === null) {
    const fix = `./ambit secrets set ${deployment.name} ${credential.secret}`;
    return {
      ok: false,
      problem: problem(
        "refused",
        "secret_not_set",
        `the credential ${credential.secret} of ${destination.rule} ${destination.entry} has no value; run ${fix}`,
      ),
    };
  }
  const body = await readBody(request, maxDoorRequestBytes, hold);
  if (!body.ok) return body;
  const method = request.method ?? "GET";
  const isOurs = credential !== null || destination.rule === "model";
  const headers = outgoingHeaders(request.headers, hostHeader(destination), body.value, method, isOurs);
  addCredential(headers, destination, value);
  const path = destination.url.pathname + destination.url.search;
  return {
    ok: true,
    value: { destination, outgoing: { method, path, headers, body: body.value }, cutter: new Cutter(value) },
  };
}

/** Sends a prepared request and streams its answer through; given up when the gate is gone. */
export async function forward(deployment: Deployment, prepared: Prepared, to: ServerResponse): Promise<Ending> {
  const { destination, outgoing, cutter } = prepared;
  const limits = deployment.limitsFor(destination);
  const gone = new AbortController();
  if (to.destroyed) gone.abort();
  to.once("close", () => to.writableFinished || gone.abort());
  const dialled = await deployment.pool.acquire(destination, false);
  if (!dialled.ok) return endWith(to, problem(dialled.word, dialled.reason, dialled.message));
  if (gone.signal.aborted) {
    dialled.value.socket.destroy();
    return { bytes: 0, problem: problem("unreachable", "caller_gone", "the gate went away; nothing was sent") };
  }
  if (deployment.isFrozen) {
    dialled.value.socket.destroy();
    return endWith(to, frozenProblem());
  }
  const reply = await exchange(dialled.value, outgoing, limits, gone.signal);
  if (!reply.ok) return endWith(to, brokenProblem(destination, reply.reason));
  // The credential would not be found in it.
  if (cutter.isActive && isEncoded(reply.response.headers)) {
    reply.abort();
    return endWith(to, brokenProblem(destination, "answer_encoded"));
  }
  const cap = destination.rule === "model" ? maxModelAnswerBytes : maxAnswerBytes;
  if (outgoing.method !== "HEAD" && Number(reply.response.headers["content-length"] ?? 0) > cap) {
    reply.abort();
    return endWith(
      to,
      problem("too_large", "answer_too_large", `${destination.host} answered with more than ${cap} bytes`),
    );
  }
  const ending = await stream(reply.response, to, cutter, cap, limits.idleMs);
  if (ending.problem !== undefined) reply.abort();
  return ending;
}

/** Whoever reads this must assume that the other side acted. */
export function brokenProblem(destination: Destination, reason: string): Problem {
  const where = hostPort(destination.host, destination.port);
  return problem(
    "broken",
    reason,
    `${where}: the request was sent and no whole answer came (${reason}); what the other side did is unknown`,
  );
}

/** Headers of an upstream's answer as the gate may see them. */
export function passedHeaders(from: IncomingMessage, cutter: Cutter): OutgoingHttpHeaders {
  const entries = Object.entries(answerHeaders(from.headers)).map(
    ([name, value]) =>
      [name, Array.isArray(value) ? value.map((one) => cutter.cut(one)) : cutter.cut(String(value))] as const,
  );
  return Object.fromEntries(entries);
}

export function logEnding(
  deployment: Deployment,
  destination: Destination,
  method: string,
  ending: Ending,
  startedAt: number,
): void {
  const { status, bytes } = ending;
  deployment.egressLog(ending.problem === undefined ? "info" : "warn", "egress", {
    deployment: deployment.name,
    host: hostPort(destination.host, destination.port),
    method,
    rule: destination.rule,
    status: status ?? null,
    bytes,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    ...(ending.problem === undefined ? {} : { word: ending.problem.word, reason: ending.problem.reason }),
  });
}

async function stream(
  from: IncomingMessage,
  to: ServerResponse,
  cutter: Cutter,
  cap: number,
  idleMs: number,
): Promise<Ending> {
  const status = from.statusCode ?? 502;
  const length = from.headers["content-length"];
  const headers = passedHeaders(from, cutter);
  let bytes = 0;
  // A length that the cutter may change is left out.
  to.writeHead(status, length === undefined || cutter.isActive ? headers : { ...headers, "content-length": length });
  to.flushHeaders();
  try {
    for await (const piece of piecesOf(from, idleMs)) {
      bytes += piece.length;
      if (bytes > cap) throw new Error("answer_too_large");
      const out = cutter.push(piece);
      if (out.length > 0 && !to.write(out)) await drained(to, idleMs);
    }
    to.end(cutter.end());
    return { status, bytes };
  } catch (error) {
    // The status has left already: a cut connection is the only way to say that this is not the whole answer.
    to.destroy();
    const isTooLarge = (error as Error).message === "answer_too_large";
    const reason = isTooLarge ? "answer_too_large" : reasonOf(error);
    return { status, bytes, problem: problem(isTooLarge ? "too_large" : "broken", reason, "the answer broke off") };
  }
}

function endWith(to: ServerResponse, why: Problem): Ending {
  sendAnswer(to, problemAnswer(why));
  return { bytes: 0, problem: why };
}

function hostHeader({ host, port, isTls }: Destination): string {
  const name = hostPort(host, port);
  return port === (isTls ? 443 : 80) ? name.slice(0, name.lastIndexOf(":")) : name;
}

function addCredential(headers: OutgoingHttpHeaders, destination: Destination, value: string | null): void {
  if (destination.credential?.as === "x-api-key") headers["anthropic-version"] ??= anthropicVersion;
  if (destination.credential === null || value === null) return;
  if (destination.credential.as === "x-api-key") headers["x-api-key"] = value;
  else headers["authorization"] = `Bearer ${value}`;
}

/** Rejects when the gate leaves what it was sent unread for that long. */
function drained(to: ServerResponse, idleMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => done(() => reject(new Error("caller_gone"))), idleMs);
    const go = (): void => done(resolve);
    const done = (settle: () => void): void => {
      clearTimeout(late);
      to.off("drain", go).off("close", go);
      settle();
    };
    to.on("drain", go).on("close", go);
  });
}
