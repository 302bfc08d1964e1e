// Control `runtime`: one request on its way to a gate and its answer on the way back. An attacker reads slowly, writes
// slowly, leaves in the middle, or kills the gate at the worst moment. So nothing is collected, each side's pace is the
// other's, every wait has an end, and a request whose bytes went out is never sent again. Control `workflow`: a deployment
// may be frozen at any moment, and from then on nothing more passes in either direction.
import { type Agent, type ClientRequest, type IncomingMessage, request as ask, type ServerResponse } from "node:http";
import { answerWhole, endAfterBody } from "./answer.ts";
import { type GateAgents, isUnsent } from "./gates.ts";
import { answerHeaders, carriesBody, type Framing, forwardHeaders } from "./headers.ts";
import type { FrontLimits } from "./limits.ts";
import { userHeader, writtenUser } from "../../controls/wire/gate.ts";
import { type FrontReason, refuse } from "./refusal.ts";

/** What became of a request, for the access log. */
export interface Outcome {
  deployment: string | null;
  user: string | null;
  status: number;
  bytes: number;
  reason: string | null;
  cause: string | null;
}

/** A request that is being answered. `fail` answers with a refusal, or cuts the connection when an answer has begun. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Address of the socket, or what a trusted proxy says of it. */
  readonly client: string;
  readonly limits: FrontLimits;
  readonly isDraining: () => boolean;
  readonly hasBody: boolean;
  /** The deployment that the request is for, once it is known that there is one. */
  about: string | null;
  readonly outcome: Outcome;
  /** True while the gate, not the client, holds the request's body up. */
  heldByGate: boolean;
  /** Stops what is under way towards the gate. */
  stop: () => void;
}

/** Answers with the front's own refusal; when an answer has begun the connection is cut, so that it cannot look whole. */
export function fail(exchange: Exchange, reason: FrontReason, cause: string | null = null): void {
  const { request, response, outcome, requestId, limits } = exchange;
  exchange.stop();
  if (outcome.reason !== null || response.writableEnded) return;
  outcome.cause = cause;
  if (response.headersSent) {
    outcome.reason = "answer_cut";
    response.destroy();
    return;
  }
  const refusal = refuse(reason);
  const body = JSON.stringify(refusal.problem);
  Object.assign(outcome, { reason, status: refusal.status, bytes: request.method === "HEAD" ? 0 : body.length });
  const headers = [...refusal.headers, ...repeatWord(request, reason), "x-ambit-request-id", requestId];
  const unread = exchange.hasBody && !request.complete;
  answerWhole(
    request,
    response,
    { status: refusal.status, type: "application/problem+json", body, headers },
    { unread, close: exchange.isDraining() || reason === "pipelining_refused", lingerMs: limits.lingerMs },
  );
}

/**
 * OpenAI's clients repeat by themselves what looks like passing trouble. A message that the gate may have taken in would, without
 * a key, be a second one.
 */
function repeatWord({ method, headers }: IncomingMessage, reason: FrontReason): string[] {
  const isUnsure = reason === "gate_broken" || reason === "gate_silent";
  return isUnsure && method === "POST" && headers["idempotency-key"] === undefined ? ["x-should-retry", "false"] : [];
}

/** Where a request goes: `path` as the gate is asked, on the socket of its deployment. */
export interface Destination {
  readonly deployment: string;
  readonly path: string;
  readonly socketPath: string;
  /** Asked before each piece that passes. */
  readonly isFrozen: () => boolean;
}

/** Passes a request on to its gate and the answer back. Returns at once. */
export function passOn(exchange: Exchange, to: Destination, framing: Framing, agents: GateAgents): void {
  if (carriesBody(framing)) return sendWithBody(exchange, to, framing, agents, true);
  const again: Again = (up, error) => {
    if (!isUnsent(up, error)) return false;
    // Only a kept connection can be unsent, and the second one is fresh: this happens once.
    send(exchange, to, framing, agents.fresh, never).end();
    return true;
  };
  send(exchange, to, framing, agents.kept, again).end();
}

/**
 * A gate that refuses closes its end at once, and writing to a closed end loses the answer that waits there. So the body is
 * sent when the gate asks for it (RFC 9110, section 10.1.1), which a gate that refuses never does. A gate that closed before
 * it asked, because it ends or gives way to the next release, has read none of it and cannot have acted on it: once, the
 * request goes to whoever listens then.
 */
function sendWithBody(
  exchange: Exchange,
  to: Destination,
  framing: Framing,
  agents: GateAgents,
  mayGoAgain: boolean,
): void {
  let isAsked = false;
  const again: Again = (_up, error) => {
    if (isAsked || !mayGoAgain || (error.code !== "ECONNRESET" && error.code !== "EPIPE")) return false;
    sendWithBody(exchange, to, framing, agents, false);
    return true;
  };
  const up = send(exchange, to, framing, agents.fresh, again);
  exchange.heldByGate = true;
  up.once("continue", () => {
    isAsked = true;
    exchange.heldByGate = false;
    pumpBody(exchange, to, up);
  });
}

/** Sends a request that failed once more, when it provably was not looked at; says whether it did. */
type Again = (up: ClientRequest, error: NodeJS.ErrnoException) => boolean;
const never: Again = () => false;

function send(exchange: Exchange, to: Destination, framing: Framing, agent: Agent, again: Again): ClientRequest {
  const { request, requestId, client, limits } = exchange;
  const up = ask({
    agent,
    socketPath: to.socketPath,
    path: to.path,
    method: request.method,
    headers: forwardHeaders(request.rawHeaders, framing, { deployment: to.deployment, client, requestId }),
    timeout: limits.answerMs,
    maxHeaderSize: limits.headerBytes,
  });
  let isConnected = false;
  let answer: IncomingMessage | null = null;
  exchange.stop = () => up.destroy();
  up.on("socket", () => {
    isConnected = true;
    // Connecting may have taken a while, and nothing was sent before this.
    if (to.isFrozen()) fail(exchange, "frozen");
  });
  up.on("timeout", () => fail(exchange, "gate_silent"));
  up.on("upgrade", () => fail(exchange, "gate_broken", "upgrade"));
  up.on("response", (message) => {
    answer = message;
    pumpAnswer(exchange, to, message);
  });
  up.on("error", (error: NodeJS.ErrnoException) => {
    if (answer?.complete === true || exchange.response.destroyed) return;
    if (!isConnected) fail(exchange, "gate_not_ready", error.code ?? null);
    else if (answer !== null || !again(up, error)) fail(exchange, "gate_broken", error.code ?? null);
  });
  return up;
}

/** Client to gate, at the gate's pace. Stops when the gate answers early or the body is over its cap. */
function pumpBody(exchange: Exchange, to: Destination, up: ClientRequest): void {
  const { request, limits } = exchange;
  const length = Number(request.headers["content-length"]);
  let seen = 0;
  request.on("data", (chunk: Buffer) => {
    if (up.destroyed || exchange.response.headersSent) return;
    if (to.isFrozen()) return fail(exchange, "frozen");
    seen += chunk.length;
    if (seen > limits.bodyBytes) {
      fail(exchange, "body_too_large");
    } else if (seen === length) {
      // With its last byte, not after it: a gate may answer and close in between, and an empty write would meet EPIPE.
      up.end(chunk);
    } else if (!up.write(chunk)) {
      exchange.heldByGate = true;
      request.pause();
    }
  });
  up.on("drain", () => {
    exchange.heldByGate = false;
    request.resume();
  });
  request.on("end", () => {
    if (!up.destroyed && !up.writableEnded && !exchange.response.headersSent) up.end();
  });
}

/** Gate to client, at the client's pace, each piece as it comes. */
function pumpAnswer(exchange: Exchange, to: Destination, answer: IncomingMessage): void {
  const { request, response, outcome, limits } = exchange;
  if (to.isFrozen()) return fail(exchange, "frozen");
  // A gate that answers before the body is through wants no more of it.
  const isEarly = exchange.hasBody && !request.complete;
  const headers = answerHeaders(answer.rawHeaders, exchange.requestId);
  if (isEarly || exchange.isDraining()) headers.push("connection", "close");
  try {
    response.writeHead(answer.statusCode ?? 502, headers);
  } catch {
    answer.destroy();
    fail(exchange, "gate_broken", "bad_answer");
    return;
  }
  if (isEarly) request.resume();
  outcome.status = response.statusCode;
  const user = answer.headers[userHeader];
  if (typeof user === "string" && writtenUser.test(user)) outcome.user = user;
  if (answer.headers["content-length"] === undefined) response.flushHeaders();
  const stall = stallGuard(exchange);
  answer.on("data", (chunk: Buffer) => {
    if (to.isFrozen()) return fail(exchange, "frozen");
    outcome.bytes += chunk.length;
    if (response.write(chunk)) return;
    answer.pause();
    stall.start();
  });
  response.on("drain", () => {
    stall.stop();
    answer.resume();
  });
  answer.on("end", () => {
    stall.start();
    if (isEarly && !request.complete) endAfterBody(request, response, limits.lingerMs);
    else response.end();
  });
  answer.on("error", () => undefined);
  answer.on("close", () => {
    if (!answer.complete) fail(exchange, "gate_broken", "answer_cut");
  });
}

/** Cuts a client that leaves what it was sent unread for `stallMs`. */
function stallGuard(exchange: Exchange): { start: () => void; stop: () => void } {
  const { response, outcome, limits } = exchange;
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearTimeout(timer);
  const start = (): void => {
    stop();
    timer = setTimeout(() => {
      outcome.reason ??= "client_stalled";
      exchange.stop();
      response.destroy();
    }, limits.stallMs);
  };
  response.on("close", stop);
  return { start, stop };
}
