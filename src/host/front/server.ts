// Controls `schemas`, `rate-limits`, `runtime`: the one door in. An attacker sends anything at all: half a request, two in
// one, a tunnel, a thousand connections. The front holds no key and decides nothing about agents: it reads strictly,
// passes on what it fully understood, and counts. What must stay true: no request it refused reaches a gate, and one
// connection's trouble stays its own.
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Socket } from "node:net";
import { type AccessRecord, type ClientWords, clientWords, loggedRoute, noWords } from "./access-log.ts";
import type { FrontWitness } from "./chain.ts";
import { answerSocket, answerWhole } from "./answer.ts";
import { limitPerClient } from "./connections.ts";
import { type Exchange, fail, passOn } from "./exchange.ts";
import { Owners, paceServer } from "../paced-socket.ts";
import { parseHost } from "../../controls/access/host-name.ts";
import { webhookPath } from "../../controls/wire/gate.ts";
import { findHost } from "./host-names.ts";
import { findClient, type TrustedProxies } from "../trusted-proxies.ts";
import { Shares } from "./shares.ts";
import { isFrozen } from "./frozen.ts";
import { findGate, type GateAgents, openGateAgents } from "./gates.ts";
import { parseFraming } from "./headers.ts";
import type { FrontLimits } from "./limits.ts";
import { type FrontReason, refuse } from "./refusal.ts";
import { parseTarget } from "./target.ts";

export interface FrontOptions {
  /** Folder that holds `gates/<name>/in.sock`. */
  readonly run: string;
  readonly limits: FrontLimits;
  /** Proxies whose word about a client's address counts. */
  readonly trusted: TrustedProxies;
  readonly log: (record: AccessRecord, words: ClientWords) => void;
  /** Told of each deployment's requests what belongs on its audit chain. */
  readonly witness: FrontWitness;
}

export interface Front {
  /** Not yet listening. */
  readonly server: Server;
  /** Stops accepting and resolves when what was under way is done, or cut after `limits.drainMs`. */
  drain(): Promise<void>;
}

interface Door extends FrontOptions {
  readonly agents: GateAgents;
  /** The request being answered on each connection. */
  readonly current: WeakMap<Duplex, Exchange>;
  /** Connections on which a request came too early: what follows it costs nothing more. */
  readonly refused: WeakSet<Duplex>;
  readonly shares: Shares;
  readonly webhookShares: Shares;
  isDraining: boolean;
}

/** Makes the front's server. All of its strictness is set here and none depends on the environment of the process. */
export function createFront(options: FrontOptions): Front {
  const { limits } = options;
  const door: Door = {
    ...options,
    agents: openGateAgents(limits),
    current: new WeakMap(),
    refused: new WeakSet(),
    shares: new Shares(limits.requestsPerGate),
    webhookShares: new Shares(limits.webhooksPerGate),
    isDraining: false,
  };
  const server = createServer({
    insecureHTTPParser: false,
    // Answered by `parseFraming`, as a problem document like all others.
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, limits.headersMs / 4),
    noDelay: true,
  });
  server.maxConnections = limits.sockets;
  const owners = new Owners();
  paceServer(server, (socket) => owners.pace(socket, socket.remoteAddress ?? "unknown"));
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => serve(door, request, response);
  server.on("request", onRequest);
  server.on("checkContinue", onRequest);
  server.on("checkExpectation", onRequest);
  server.on("connect", (request, socket) => turnAway(door, socket as Socket, "method_not_allowed", request));
  server.on("upgrade", (request, socket) => turnAway(door, socket as Socket, "upgrade_refused", request));
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => onClientError(door, error, socket as Socket));
  server.on("drop", (data) => door.log(bareRecord(data?.remoteAddress ?? "unknown", "server_full", 0, null), noWords));
  limitPerClient(server, limits.socketsPerClient, (socket) => turnAway(door, socket, "too_many_connections", null));
  return { server, drain: () => drain(door, server) };
}

function serve(door: Door, request: IncomingMessage, response: ServerResponse): void {
  const socket = request.socket;
  const isEarly = door.current.has(socket);
  if (isEarly && door.refused.has(socket)) return;
  const exchange = openExchange(door, request, response);
  if (isEarly) {
    door.refused.add(socket);
    return fail(exchange, "pipelining_refused");
  }
  door.current.set(socket, exchange);
  response.once("close", () => door.current.delete(socket));
  const { limits } = door;
  const { method = "", url = "", httpVersion, rawHeaders } = request;
  const host = parseHost(request.headers.host ?? "")?.name ?? null;
  const at = host === null ? null : findHost(door.run, host);
  const route = parseTarget(method, url, limits.targetBytes, at);
  const socketPath = "deployment" in route ? findGate(door.run, route.deployment) : null;
  // Before anything is refused, so that the refusal is counted where it belongs.
  if ("deployment" in route && socketPath !== null) exchange.about = route.deployment;
  if (exchange.about !== null) door.witness.arrived(exchange.about);
  const framing = parseFraming(method, httpVersion, rawHeaders, limits);
  if ("reason" in framing) return fail(exchange, framing.reason);
  if ("reason" in route) return fail(exchange, route.reason);
  const expect = request.headers.expect;
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") return fail(exchange, "expectation_failed");
  if (route.kind === "health") return answerHealth(exchange);
  if (socketPath === null) return fail(exchange, "not_found");
  const to = { ...route, socketPath, isFrozen: () => isFrozen(door.run, route.deployment) };
  exchange.outcome.deployment = route.deployment;
  if (to.isFrozen()) return fail(exchange, "frozen");
  const isWebhook = route.path === webhookPath || route.path.startsWith(`${webhookPath}?`);
  const leave = (isWebhook ? door.webhookShares : door.shares).enter(route.deployment);
  if (leave === null) return fail(exchange, "deployment_busy");
  response.once("close", leave);
  if (expect !== undefined && exchange.hasBody) response.writeContinue();
  passOn(exchange, to, framing, door.agents);
}

function openExchange(door: Door, request: IncomingMessage, response: ServerResponse): Exchange {
  const exchange: Exchange = {
    request,
    response,
    requestId: randomUUID(),
    client: findClient(request.socket.remoteAddress ?? "unknown", request.rawHeaders, door.trusted),
    limits: door.limits,
    isDraining: () => door.isDraining,
    hasBody: request.headers["transfer-encoding"] !== undefined || (request.headers["content-length"] ?? "0") !== "0",
    about: null,
    outcome: { deployment: null, user: null, status: 499, bytes: 0, reason: null, cause: null },
    heldByGate: false,
    stop: () => undefined,
  };
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  const ts = new Date().toISOString();
  const started = performance.now();
  response.once("close", () => {
    const { outcome, client, requestId } = exchange;
    if (!response.writableFinished) {
      outcome.reason ??= "client_left";
      exchange.stop();
    }
    const isOurs = outcome.reason !== null && outcome.reason !== "client_left";
    if (exchange.about !== null && isOurs) door.witness.refused(exchange.about, outcome.reason ?? "");
    const ms = Math.round((performance.now() - started) * 1000) / 1000;
    const { method = null, url = "" } = request;
    // Somebody asks every few seconds: that it is well would bury everything else.
    if ((url === "/healthz" || url === "/readyz") && outcome.status === 200) return;
    const route = loggedRoute(url);
    door.log({ event: "request", ts, client, method, route, ...outcome, ms, request: requestId }, clientWords(request));
  });
  return exchange;
}

/** `/healthz`: this process serves. `/readyz`, for who balances load: it will go on to. Neither says what stands behind it. */
function answerHealth(exchange: Exchange): void {
  const { request, response, requestId, outcome, limits } = exchange;
  const isEnding = request.url === "/readyz" && exchange.isDraining();
  const status = isEnding ? 503 : 200;
  const body = isEnding ? `{"status":"ending"}` : `{"status":"ok"}`;
  Object.assign(outcome, { status, bytes: request.method === "HEAD" ? 0 : body.length });
  const headers = ["x-ambit-request-id", requestId];
  const after = { unread: false, close: exchange.isDraining(), lingerMs: limits.lingerMs };
  answerWhole(request, response, { status, type: "application/json", body, headers }, after);
}

/** The parser gave up, or time is over. A request that is being answered decides how; otherwise the connection is told. */
function onClientError(door: Door, error: NodeJS.ErrnoException, socket: Socket): void {
  const exchange = door.current.get(socket);
  const reason = reasonOf(error);
  if (exchange !== undefined) {
    if (error.code === "ECONNRESET") socket.destroy();
    else fail(exchange, reason === "request_too_slow" && exchange.heldByGate ? "gate_silent" : reason);
    return;
  }
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) socket.destroy();
  else turnAway(door, socket, reason, null);
}

function reasonOf(error: NodeJS.ErrnoException): FrontReason {
  if (error.code === "HPE_HEADER_OVERFLOW") return "headers_too_large";
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return "request_too_slow";
  return "bad_request";
}

/** Answers a connection that will serve no request, and closes it. */
function turnAway(door: Door, socket: Socket, reason: FrontReason, request: IncomingMessage | null): void {
  socket.on("error", () => undefined);
  const refusal = refuse(reason);
  const client = findClient(socket.remoteAddress ?? "unknown", request?.rawHeaders ?? [], door.trusted);
  const record = bareRecord(client, reason, refusal.status, request);
  door.log(record, request === null ? noWords : clientWords(request));
  answerSocket(socket, refusal, record.request, reason === "too_many_connections" ? 0 : door.limits.lingerMs);
}

function bareRecord(
  client: string,
  reason: FrontReason,
  status: number,
  request: IncomingMessage | null,
): AccessRecord {
  const method = request?.method ?? null;
  const route = request === null ? null : loggedRoute(request.url ?? "");
  const ts = new Date().toISOString();
  const nothing = { deployment: null, user: null, bytes: 0, ms: 0, cause: null };
  return { event: "request", ts, client, method, route, status, reason, request: randomUUID(), ...nothing };
}

async function drain(door: Door, server: Server): Promise<void> {
  door.isDraining = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Again and again: a connection becomes idle when the answer that was under way on it has ended.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), door.limits.drainMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
  door.agents.close();
}
