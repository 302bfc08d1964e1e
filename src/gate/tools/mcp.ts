// One tool server over MCP (Streamable HTTP), spoken through the door. The server is untrusted: it would like to be waited
// for without end, to fill the memory, to have questions of its own answered, or to be called without its definitions being
// compared first. So a connection is opened, listed and compared as one thing with one time limit, and only then called.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { z } from "zod";
import type { JsonObject } from "../../boundary.ts";
import { fetchThroughDoor } from "../door.ts";
import type { SeenTool } from "../ledger/pin-store.ts";
import { withLimit } from "../time-limit.ts";
import { parseDefinition } from "./definition.ts";
import { explainFault, statusFault, ToolServerFault } from "./fault.ts";

/** Connecting and listing together may take this long. */
export const connectMs = 15_000;
const maxPages = 20;
/** Largest answer to anything but a call, bytes. */
const maxListBytes = 2_097_152;
const maxOffered = 1000;

const listPage = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().max(4096).optional() });
/** What this gate ever says to a tool server; whatever a server asks of us is not answered. */
const ourMethods = new Set(["initialize", "notifications/initialized", "tools/list"]);

export interface OfferedTools {
  /** Definitions of the tools that were asked for, as far as they are there. */
  readonly tools: SeenTool[];
  /** Names of everything the server offers, for messages. */
  readonly names: string[];
}

/** The whole answer to a call, as the broker keeps it too. */
export interface CallAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export class ToolServer {
  readonly name: string;
  readonly #url: string;
  #client: Client | undefined;
  #transport: StreamableHTTPClientTransport | undefined;
  #fault = new ToolServerFault("its definitions were not compared with the pinned ones");

  constructor(name: string, url: string) {
    this.name = name;
    this.#url = url;
  }

  /**
   * Connects anew and lists the tools named in `wanted`, hashed. Afterwards calls go over this connection.
   * Throws ToolServerFault, within `limitMs`, when the server cannot be reached or understood.
   */
  async open(wanted: readonly string[], limitMs: number = connectMs): Promise<OfferedTools> {
    this.reset();
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new ToolServerFault(`no answer within ${limitMs / 1000} s`)), limitMs);
    try {
      const [client, transport] = await this.#connect(limit, limitMs);
      const offered = await listAll(client, this.name, wanted, limit.signal);
      this.#transport = transport;
      return offered;
    } catch (thrown) {
      this.reset();
      this.#fault = explainFault(limit.signal.aborted ? limit.signal.reason : thrown);
      throw this.#fault;
    } finally {
      clearTimeout(timer);
      // A stream that the server kept open has nothing more to say.
      limit.abort();
    }
  }

  /** Whether a call could be sent; when not, `open` comes first, and with it the comparison. */
  get isOpen(): boolean {
    return this.#transport !== undefined;
  }

  /** Whether the server opened a session, which it may forget (404: then it did not look at the call). */
  get hasSession(): boolean {
    return this.#transport?.sessionId !== undefined;
  }

  /**
   * Sends one call, once, under `callKey`, and returns the whole answer. Throws ToolServerFault when it is not open: then
   * nothing was sent. Throws DoorError, or when `timeoutMs` are over: then the broker knows more.
   */
  async call(tool: string, args: JsonObject, callKey: string, timeoutMs: number): Promise<CallAnswer> {
    const transport = this.#transport;
    if (!transport) throw this.#fault;
    const headers = new Headers({ "content-type": "application/json", accept: "application/json, text/event-stream" });
    if (transport.sessionId !== undefined) headers.set("mcp-session-id", transport.sessionId);
    if (transport.protocolVersion !== undefined) headers.set("mcp-protocol-version", transport.protocolVersion);
    const message = { jsonrpc: "2.0", id: callKey, method: "tools/call", params: { name: tool, arguments: args } };
    return withLimit(timeoutMs, async (signal) => {
      const init = { method: "POST", headers, body: JSON.stringify(message), signal };
      const response = await fetchThroughDoor(this.#url, init, callKey);
      const contentType = response.headers.get("content-type") ?? "";
      return { status: response.status, contentType, body: await response.text() };
    });
  }

  /** Ends the connection; the next use makes a new one. */
  reset(): void {
    void this.#client?.close().catch(() => undefined);
    this.#client = undefined;
    this.#transport = undefined;
  }

  async #connect(limit: AbortController, limitMs: number): Promise<[Client, StreamableHTTPClientTransport]> {
    const client = new Client({ name: "ambit", version: "1" });
    this.#client = client;
    const transport = new StreamableHTTPClientTransport(new URL(this.#url), {
      fetch: (url, init) => fetchOurs(url, init ?? {}, limit),
      reconnectionOptions: {
        maxRetries: 0,
        initialReconnectionDelay: 1,
        maxReconnectionDelay: 1,
        reconnectionDelayGrowFactor: 1,
      },
    });
    await client.connect(transport, { timeout: limitMs, signal: limit.signal });
    return [client, transport];
  }
}

async function listAll(
  client: Client,
  server: string,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<OfferedTools> {
  const offered: OfferedTools = { tools: [], names: [] };
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const params = cursor === undefined ? {} : { cursor };
    const { tools, nextCursor } = await client.request({ method: "tools/list", params }, listPage, { signal });
    for (const raw of tools) takeTool(offered, server, wanted, raw);
    cursor = nextCursor;
    if (cursor === undefined) return offered;
  }
  throw new ToolServerFault(`its list of tools does not end: more than ${maxPages} pages`);
}

/** What was not asked for is not even parsed. */
function takeTool(offered: OfferedTools, server: string, wanted: readonly string[], raw: unknown): void {
  const name = typeof raw === "object" && raw !== null && "name" in raw ? raw.name : undefined;
  if (typeof name !== "string") return;
  if (offered.names.length < maxOffered) offered.names.push(name.slice(0, 64));
  if (!wanted.includes(name)) return;
  if (offered.tools.some(({ tool }) => tool === name))
    throw new ToolServerFault(`it offers "${name}" more than once`, name);
  offered.tools.push(parseDefinition(server, name, raw));
}

/** Everything that the protocol library sends. It is told nothing that this gate did not ask for. */
async function fetchOurs(url: string | URL, init: RequestInit, limit: AbortController): Promise<Response> {
  // No server-opened stream: whatever a server has to say comes as the answer to a request.
  if ((init.method ?? "GET") !== "POST") return new Response(null, { status: 405 });
  const { method } = JSON.parse(String(init.body)) as { method?: unknown };
  if (typeof method !== "string" || !ourMethods.has(method)) return new Response(null, { status: 202 });
  const response = await fetchThroughDoor(url, { ...init, signal: limit.signal });
  if (response.status >= 300) throw statusFault(response.status, method);
  let left = maxListBytes;
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      left -= piece.byteLength;
      if (left >= 0) return controller.enqueue(piece);
      limit.abort(new ToolServerFault(`its answer to ${method} is over ${maxListBytes} bytes`));
    },
  });
  return new Response(response.body?.pipeThrough(meter) ?? null, {
    status: response.status,
    headers: response.headers,
  });
}
