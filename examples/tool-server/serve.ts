// A tool server of the examples as a network service: a real MCP server over Streamable HTTP on the loopback address, on
// one SQLite file, behind a bearer token. Anything on this machine can try the port, a browser page included (DNS
// rebinding), so the token is compared first and in constant time, then Host and Origin must be local; bodies are
// bounded. No token configured means no start. What its tools do is each example's own.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import type { DatabaseSync } from "node:sqlite";
import type { McpServer } from "@modelcontextprotocol/server";
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from "@modelcontextprotocol/server";
import { isBearer, listen, parseCount, readBody } from "./loopback.ts";

const maxBodyBytes = 1_048_576;

/** What is served: an example's file and its tools. */
export interface ToolService {
  /** In messages, such as `erp`; its token is in the variable ERP_TOKEN. */
  readonly name: string;
  /** Opens the file, creating and seeding it when it is empty. */
  readonly open: (file: string) => DatabaseSync;
  /** What makes a server instance with all tools over the open file, one for each session. */
  readonly tools: (db: DatabaseSync, delayMs: number) => () => McpServer;
}

export interface ServeOptions {
  /** SQLite file; created and seeded when it is empty. */
  readonly file: string;
  /** TCP port on 127.0.0.1; 0 takes any free one. */
  readonly port: number;
  readonly token: string;
  /** Milliseconds each tool answer is held back, after its work is committed. */
  readonly toolDelayMs?: number;
}

export interface RunningToolServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts a tool server. Rejects when the file cannot be opened or the port is taken. */
export async function startToolServer(service: ToolService, options: ServeOptions): Promise<RunningToolServer> {
  const variable = tokenVariable(service);
  if (options.token === "") throw new Error(`${service.name} token is empty: set ${variable} to a long random text`);
  const db = service.open(options.file);
  const handler = createMcpHandler(service.tools(db, options.toolDelayMs ?? 0));
  const door: Door = { token: options.token, variable, handle: handler.fetch };
  const server = createServer((request, response) => {
    serve(request, response, door).catch(() => response.destroy());
  });
  // Callers keep connections open between calls; an early close would race with their next request.
  server.keepAliveTimeout = 65_000;
  try {
    await listen(server, options.port);
  } catch (cause) {
    db.close();
    throw cause;
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    async close() {
      await handler.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      db.close();
    },
  };
}

function tokenVariable({ name }: ToolService): string {
  return `${name.toUpperCase()}_TOKEN`;
}

interface Door {
  readonly token: string;
  readonly variable: string;
  readonly handle: (request: Request) => Promise<Response>;
}

async function serve(request: IncomingMessage, response: ServerResponse, door: Door): Promise<void> {
  if (!isBearer(request.headers.authorization, door.token)) {
    return refuse(response, 401, { "www-authenticate": "Bearer" }, `send Authorization: Bearer <${door.variable}>`);
  }
  if (request.url !== "/mcp") return refuse(response, 404, {}, "the MCP endpoint is /mcp");
  const body = await readBody(request, maxBodyBytes);
  if (body === undefined) return refuse(response, 413, {}, `the body is over ${maxBodyBytes} bytes`);
  const asked = toWebRequest(request, body);
  const refused =
    hostHeaderValidationResponse(asked, localhostAllowedHostnames()) ??
    originValidationResponse(asked, localhostAllowedOrigins());
  const answer = refused ?? (await door.handle(asked));
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else await pipeline(Readable.from(answer.body), response);
}

function toWebRequest(request: IncomingMessage, body: Buffer<ArrayBuffer>): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const method = request.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  // A fixed base: the Host header is checked as a header, never used to build the URL.
  return new Request("http://127.0.0.1/mcp", { method, headers, ...(hasBody ? { body } : {}) });
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string>, message: string): void {
  // The unread rest of a refused body must not be taken for the next request.
  response.writeHead(status, { "content-type": "application/json", connection: "close", ...headers });
  response.end(JSON.stringify({ error: message }));
}

/** The program of a tool server: reads flags and token, prints one line of JSON when it listens, ends on SIGTERM. */
export async function runToolServer(service: ToolService, defaultPort: number): Promise<void> {
  try {
    await announce(service, defaultPort);
  } catch (cause) {
    process.stderr.write(`${service.name}: ${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exit(1);
  }
}

async function announce(service: ToolService, defaultPort: number): Promise<void> {
  const { name } = service;
  const { values } = parseArgs({
    options: { file: { type: "string" }, port: { type: "string" }, "tool-delay-ms": { type: "string", default: "0" } },
  });
  const token = process.env[tokenVariable(service)] ?? "";
  if (values.file === undefined || values.port === undefined || token === "") {
    const flags = `--file ${name}.sqlite --port ${defaultPort} [--tool-delay-ms N]`;
    throw new Error(`usage: ${tokenVariable(service)}=... node server.ts ${flags}`);
  }
  const port = parseCount(values.port, "port", 65_535);
  const toolDelayMs = parseCount(values["tool-delay-ms"], "tool-delay-ms", 600_000);
  const running = await startToolServer(service, { file: values.file, port, token, toolDelayMs });
  const stop = () => void running.close().finally(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`${JSON.stringify({ ready: true, url: running.url })}\n`);
}
