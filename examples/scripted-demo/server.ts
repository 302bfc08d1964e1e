// `scripted-demo` as a network service: an OpenAI chat-completions server on the loopback address whose model is a
// script, and is called nothing else. It holds no secret and no state worth stealing, but it must not be a way to hurt
// whoever runs it: bodies, waiting and the memory of retries are bounded, and a key is asked for when one is set.
// With --log it writes down what it was asked, so that a person can see which messages never came this far.
// Usage: [SCRIPTED_DEMO_KEY=...] node server.ts --port 7412 [--delay-ms N] [--log FILE]   (port 0: any free port)
import type { IncomingMessage, ServerResponse } from "node:http";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isBearer, listen, parseCount, readBody } from "../tool-server/loopback.ts";
import { estimateUsage, modelName, streamedAnswer, wholeAnswer } from "./answer.ts";
import type { ChatRequest } from "./chat.ts";
import { parseChatRequest } from "./chat.ts";
import type { Mode } from "./modes.ts";
import { absurdUsage, parseMode } from "./modes.ts";
import { planStep } from "./plan.ts";

const maxBodyBytes = 33_554_432;
const maxRemembered = 1000;
const rejections = 2;
const maxNotedChars = 300;

export interface ScriptedDemoOptions {
  /** TCP port on 127.0.0.1; 0 takes any free one. */
  readonly port: number;
  /** When set, requests must carry it as a bearer token. */
  readonly key?: string;
  /** Milliseconds each answer is held back, as a model's thinking would. */
  readonly delayMs?: number;
  /** File that gets a line for each request that is understood, before it is answered: `{"asked": "..."}`. */
  readonly log?: string;
}

export interface RunningScriptedDemo {
  /** Base URL for an OpenAI-compatible client, ending in `/v1`. */
  readonly url: string;
  close(): Promise<void>;
}

interface Context {
  readonly key: string | undefined;
  readonly delayMs: number;
  readonly log: string | undefined;
  /** How often a `#429` request was turned away, by hash of its messages. */
  readonly rejected: Map<string, number>;
}

/** Starts the scripted model. Rejects when the port is taken. */
export async function startScriptedDemo(options: ScriptedDemoOptions): Promise<RunningScriptedDemo> {
  const context: Context = { key: options.key, delayMs: options.delayMs ?? 0, log: options.log, rejected: new Map() };
  const server = createServer((request, response) => {
    serve(request, response, context).catch(() => response.destroy());
  });
  // Callers keep connections open between steps; an early close would race with their next request.
  server.keepAliveTimeout = 65_000;
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, context: Context): Promise<void> {
  if (!isAllowed(request.headers.authorization, context.key)) {
    return fail(response, 401, "invalid_api_key", "send Authorization: Bearer <SCRIPTED_DEMO_KEY>");
  }
  const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
  if (request.method === "GET" && path === "/v1/models") {
    const data = [{ id: modelName, object: "model", created: 0, owned_by: "a script" }];
    return send(response, 200, JSON.stringify({ object: "list", data }));
  }
  if (request.method !== "POST" || path !== "/v1/chat/completions") {
    return fail(response, 404, "not_found", "there are GET /v1/models and POST /v1/chat/completions");
  }
  const body = await readBody(request, maxBodyBytes);
  if (body === undefined) return fail(response, 413, "too_large", `the body is over ${maxBodyBytes} bytes`);
  const asked = parseChatRequest(parseJson(body.toString("utf8")));
  if ("error" in asked) return fail(response, 400, "invalid_request_error", asked.error);
  if (asked.model !== modelName) return fail(response, 404, "model_not_found", `the only model here is ${modelName}`);
  if (context.log !== undefined) note(context.log, asked);
  await complete(asked, response, context);
}

/** The last message of the user, cut: what this request was for. */
function note(file: string, request: ChatRequest): void {
  appendFileSync(file, `${JSON.stringify({ asked: request.conversation.asked.slice(0, maxNotedChars) })}\n`);
}

async function complete(request: ChatRequest, response: ServerResponse, context: Context): Promise<void> {
  const mode = parseMode(request.conversation.asked);
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const delay = mode === "slow" ? 30_000 : context.delayMs;
  if (delay > 0) await wait(delay, undefined, { signal: gone.signal });
  if (mode === "500") return fail(response, 500, "server_error", "this is the #500 mode");
  if (mode === "429" && isTurnedAway(request.hash, context.rejected)) {
    response.setHeader("retry-after", "1");
    return fail(response, 429, "rate_limit_exceeded", "this is the #429 mode: twice, then fine");
  }
  if (mode === "garbage") return send(response, 200, "<html><body>It works!</body></html>", "text/html");
  answer(request, response, mode);
}

function answer(request: ChatRequest, response: ServerResponse, mode: Mode | undefined): void {
  const step = planStep(request.conversation);
  const usage = mode === "usage" ? absurdUsage : estimateUsage(request, step);
  if (!request.stream) {
    const body = wholeAnswer(step, usage, request.hash);
    return mode === "cut" ? cut(response, "application/json", body) : send(response, 200, body);
  }
  const events = streamedAnswer(step, usage, request.hash);
  if (mode === "cut") return cut(response, "text/event-stream", events.join(""));
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of events) response.write(event);
  response.end();
}

/** Counts per conversation step; the third request passes and is forgotten, so the next run is turned away again. */
function isTurnedAway(hash: string, rejected: Map<string, number>): boolean {
  const times = rejected.get(hash) ?? 0;
  rejected.delete(hash);
  if (times >= rejections) return false;
  const oldest = rejected.keys().next().value;
  if (rejected.size >= maxRemembered && oldest !== undefined) rejected.delete(oldest);
  rejected.set(hash, times + 1);
  return true;
}

/** Promises the whole body, sends half of it and breaks the connection once that half is out. */
function cut(response: ServerResponse, type: string, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(200, { "content-type": type, "content-length": bytes.length });
  response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
}

function send(response: ServerResponse, status: number, body: string, type = "application/json"): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(body);
}

function fail(response: ServerResponse, status: number, code: string, message: string): void {
  // An unread body must not be taken for the next request.
  if (!response.req.complete) response.setHeader("connection", "close");
  send(response, status, JSON.stringify({ error: { message: `${modelName}: ${message}`, type: code, code } }));
}

function isAllowed(header: string | undefined, key: string | undefined): boolean {
  return key === undefined || isBearer(header, key);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { port: { type: "string" }, "delay-ms": { type: "string", default: "0" }, log: { type: "string" } },
  });
  if (values.port === undefined)
    throw new Error("usage: [SCRIPTED_DEMO_KEY=...] node server.ts --port 7412 [--delay-ms N] [--log FILE]");
  const port = parseCount(values.port, "port", 65_535);
  const delayMs = parseCount(values["delay-ms"], "delay-ms", 600_000);
  const key = process.env["SCRIPTED_DEMO_KEY"];
  const log = values.log === undefined ? {} : { log: values.log };
  const demo = await startScriptedDemo({ port, delayMs, ...log, ...(key === undefined || key === "" ? {} : { key }) });
  const stop = () => void demo.close().finally(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`${JSON.stringify({ ready: true, url: demo.url })}\n`);
}

if (import.meta.main) {
  main().catch((cause: unknown) => {
    process.stderr.write(`${modelName}: ${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exit(1);
  });
}
