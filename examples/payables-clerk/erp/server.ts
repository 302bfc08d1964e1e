// The ERP as a network service: a real MCP server over Streamable HTTP on the loopback address, behind a bearer token.
// Anything on this machine can try the port, a browser page included (DNS rebinding), so the token is compared first
// and in constant time, then Host and Origin must be local; bodies are bounded. No token configured means no start.
// Usage: ERP_TOKEN=... node server.ts --file erp.sqlite --port 7411 [--tool-delay-ms N]     (port 0: any free port)
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import {
  createMcpHandler,
  hostHeaderValidationResponse,
  localhostAllowedHostnames,
  localhostAllowedOrigins,
  originValidationResponse,
} from "@modelcontextprotocol/server";
import { openErp, prepareQueries } from "./schema.ts";
import { seedErp } from "./seed.ts";
import { createErpTools } from "./tools.ts";

const maxBodyBytes = 1_048_576;

export interface ErpOptions {
  /** SQLite file; created and seeded when it is empty. */
  readonly file: string;
  /** TCP port on 127.0.0.1; 0 takes any free one. */
  readonly port: number;
  readonly token: string;
  /** Milliseconds each tool answer is held back, after its work is committed. */
  readonly toolDelayMs?: number;
}

export interface RunningErp {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the ERP. Rejects when the file cannot be opened or the port is taken. */
export async function startErp(options: ErpOptions): Promise<RunningErp> {
  if (options.token === "") throw new Error("ERP token is empty: set ERP_TOKEN to a long random text");
  const db = openErp(options.file);
  seedErp(db);
  const queries = prepareQueries(db);
  const handler = createMcpHandler(() => createErpTools(queries, options.toolDelayMs ?? 0));
  const server = createServer((request, response) => {
    serve(request, response, options.token, handler.fetch).catch(() => response.destroy());
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

type Fetch = (request: Request) => Promise<Response>;

async function serve(request: IncomingMessage, response: ServerResponse, token: string, handle: Fetch): Promise<void> {
  if (!isBearer(request.headers.authorization, token)) {
    return refuse(response, 401, { "www-authenticate": "Bearer" }, "send Authorization: Bearer <ERP_TOKEN>");
  }
  if (request.url !== "/mcp") return refuse(response, 404, {}, "the MCP endpoint is /mcp");
  const body = await readBody(request);
  if (body === undefined) return refuse(response, 413, {}, `the body is over ${maxBodyBytes} bytes`);
  const asked = toWebRequest(request, body);
  const refused =
    hostHeaderValidationResponse(asked, localhostAllowedHostnames()) ??
    originValidationResponse(asked, localhostAllowedOrigins());
  const answer = refused ?? (await handle(asked));
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else await pipeline(Readable.from(answer.body), response);
}

/** Compares digests, so that neither length nor content of the token shows in the time taken. */
function isBearer(header: string | undefined, token: string): boolean {
  const digest = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${token}`));
}

/** The whole body, or undefined when it is over the limit. */
async function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  // The request must survive an early return: its connection still has to carry the refusal.
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBodyBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
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

function listen(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      fail(cause.code === "EADDRINUSE" ? new Error(portTaken(port)) : cause);
    });
    server.listen(port, "127.0.0.1", done);
  });
}

function portTaken(port: number): string {
  return `port ${port} on 127.0.0.1 is in use: stop what listens there, or choose another one with --port`;
}

function parseCount(text: string, name: string, max: number): number {
  const value = Number(text);
  if (!/^[0-9]{1,6}$/.test(text) || value > max)
    throw new Error(`--${name} ${text}: use a whole number from 0 to ${max}`);
  return value;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { file: { type: "string" }, port: { type: "string" }, "tool-delay-ms": { type: "string", default: "0" } },
  });
  const token = process.env["ERP_TOKEN"] ?? "";
  if (values.file === undefined || values.port === undefined || token === "") {
    throw new Error("usage: ERP_TOKEN=... node server.ts --file erp.sqlite --port 7411 [--tool-delay-ms N]");
  }
  const port = parseCount(values.port, "port", 65_535);
  const toolDelayMs = parseCount(values["tool-delay-ms"], "tool-delay-ms", 600_000);
  const erp = await startErp({ file: values.file, port, token, toolDelayMs });
  const stop = () => void erp.close().finally(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  process.stdout.write(`${JSON.stringify({ ready: true, url: erp.url })}\n`);
}

if (import.meta.main) {
  main().catch((cause: unknown) => {
    process.stderr.write(`erp: ${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exit(1);
  });
}
