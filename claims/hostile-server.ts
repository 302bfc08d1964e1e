// A tool server that lies: raw HTTP, so that it can say what no library would. It is honest until a test tells it how to
// behave, and it counts what it was asked, because how often a call was made is what a claim has to know.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ToolServerUnderTest } from "./small-stage.ts";

/** A JSON-RPC message of the client, with the session it came in. */
export interface Asked {
  readonly id: unknown;
  readonly method: string;
  readonly params: { readonly name?: string; readonly arguments?: Record<string, unknown>; readonly cursor?: string };
  readonly session: string | undefined;
}

export type Answer = (response: ServerResponse, asked: Asked) => void;

/** One way to lie for each method; what is left out is honest. */
export interface Behaviour {
  readonly initialize?: Answer;
  readonly list?: Answer;
  readonly call?: Answer;
  /** Before anything else, whatever was asked. */
  readonly all?: Answer;
}

export const honestTool = {
  name: "act",
  description: "Acts.",
  inputSchema: { type: "object", properties: { n: { type: "integer" } }, required: ["n"], additionalProperties: false },
};

export class HostileServer implements ToolServerUnderTest {
  /** `arguments.n` of every `tools/call` that came, in order. */
  readonly calls: unknown[] = [];
  /** Everything else that came, by method; a message without one is an `answer` to something that this server asked. */
  readonly asked: string[] = [];
  /** Every session that was opened, in order. */
  readonly sessions: string[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  #behaviour: Behaviour = {};
  #port = 0;

  static async start(): Promise<HostileServer> {
    const server = new HostileServer();
    await server.listen(0);
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mcp`;
  }

  /** Listens, also again after `end`; 0 is any free port. */
  async listen(port: number): Promise<void> {
    this.#server.keepAliveTimeout = 65_000;
    await new Promise<void>((done, reject) => this.#server.once("error", reject).listen(port, "127.0.0.1", done));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** From now on; without arguments it is honest again. */
  behave(behaviour: Behaviour = {}): void {
    this.#behaviour = behaviour;
  }

  async end(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    const asked = await readAsked(request);
    if (asked === undefined) return void response.writeHead(405).end();
    if (asked.method === "tools/call") this.calls.push(asked.params.arguments?.["n"]);
    else this.asked.push(asked.method);
    const { all, initialize, list, call } = this.#behaviour;
    if (all) return all(response, asked);
    if (asked.method === "initialize") return (initialize ?? this.#initialize)(response, asked);
    if (asked.method === "tools/list") return (list ?? sayTools([honestTool]))(response, asked);
    if (asked.method === "tools/call") return (call ?? sayDone)(response, asked);
    response.writeHead(202).end();
  }

  /** Each connection gets a session of its own. */
  readonly #initialize: Answer = (response, asked) => {
    const session = `session-${this.sessions.length + 1}`;
    this.sessions.push(session);
    response.setHeader("mcp-session-id", session);
    const serverInfo = { name: "hostile", version: "1" };
    sayResult(response, asked, { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo });
  };
}

/** The honest answer to a call. */
export const sayDone: Answer = (response, asked) => {
  sayResult(response, asked, { content: [{ type: "text", text: `acted ${String(asked.params.arguments?.["n"])}` }] });
};

/** Answers a listing with these tools, whatever they are. */
export function sayTools(tools: unknown): Answer {
  return (response, asked) => sayResult(response, asked, { tools });
}

export function sayResult(response: ServerResponse, asked: Asked, result: unknown): void {
  sayText(response, JSON.stringify({ jsonrpc: "2.0", id: asked.id, result }));
}

/** A whole answer, as it is. */
export function sayText(response: ServerResponse, text: string, status = 200, type = "application/json"): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) }).end(text);
}

/** Opens a stream of events and sends these; it stays open. */
export function sayEvents(response: ServerResponse, messages: readonly unknown[]): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const message of messages) response.write(`event: message\ndata: ${JSON.stringify(message)}\n\n`);
}

/** Sends `megabytes` of one letter inside a JSON text, piece by piece, without saying how long it will be. */
export function sayHuge(response: ServerResponse, before: string, megabytes: number, after: string): void {
  const piece = "x".repeat(1_000_000);
  let left = megabytes;
  response.writeHead(200, { "content-type": "application/json" }).write(before);
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= 1;
      if (!response.write(piece)) return void response.once("drain", more);
    }
    response.end(after);
  };
  more();
}

async function readAsked(request: IncomingMessage): Promise<Asked | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method !== "POST") return undefined;
  const message = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Partial<Asked>;
  const session = request.headers["mcp-session-id"];
  return {
    id: message.id,
    method: message.method ?? "answer",
    params: message.params ?? {},
    session: typeof session === "string" ? session : undefined,
  };
}
