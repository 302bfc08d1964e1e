// One tool server over MCP (Streamable HTTP), spoken through the door. The server is untrusted: its answers are bounded
// by the broker, its descriptions are only used when pinned, and it cannot open a stream to us or make us ask anyone else.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { JsonObject } from "../../boundary.ts";
import { hashTool } from "../../controls/approvals/action.ts";
import { fetchThroughDoor } from "../door.ts";
import type { SeenTool } from "../ledger/pin-store.ts";
import { reduceResult, type ToolResult } from "./result.ts";

const connectMs = 15_000;
const maxListed = 1000;

export class ToolServer {
  readonly name: string;
  readonly #url: URL;
  #client: Promise<Client> | undefined;
  /** The call under way: its key travels with `tools/call` and with nothing else. */
  #callKey: string | undefined;

  constructor(name: string, url: string) {
    this.name = name;
    this.#url = new URL(url);
  }

  /** Every tool the server offers now, hashed; connects when needed. */
  async listTools(): Promise<SeenTool[]> {
    const client = await this.#connect();
    const listed: SeenTool[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.listTools(cursor === undefined ? {} : { cursor }, { timeout: connectMs });
      for (const tool of page.tools) {
        const description = tool.description ?? "";
        const definition = { server: this.name, name: tool.name, description, inputSchema: tool.inputSchema };
        const hash = hashTool({ ...definition, outputSchema: tool.outputSchema ?? null, annotations: tool.annotations ?? null });
        listed.push({ server: this.name, tool: tool.name, hash, description, schema: tool.inputSchema as JsonObject });
      }
      cursor = page.nextCursor;
    } while (cursor !== undefined && listed.length < maxListed);
    return listed;
  }

  /** Runs one call under `callKey`. Throws when there is no answer; DoorError says what that means. */
  async call(tool: string, args: JsonObject, callKey: string, timeoutMs: number): Promise<ToolResult> {
    const client = await this.#connect();
    this.#callKey = callKey;
    try {
      return reduceResult(await client.callTool({ name: tool, arguments: args }, { timeout: timeoutMs }));
    } finally {
      this.#callKey = undefined;
    }
  }

  /** Whether the next call has to connect first: the moment to compare the pins. */
  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** Forgets the connection; the next use makes a new one. */
  reset(): void {
    this.#client = undefined;
  }

  #connect(): Promise<Client> {
    this.#client ??= this.#open().catch((thrown: unknown) => {
      this.#client = undefined;
      throw thrown;
    });
    return this.#client;
  }

  async #open(): Promise<Client> {
    const client = new Client({ name: "ambit", version: "1" });
    const transport = new StreamableHTTPClientTransport(this.#url, {
      fetch: (url, init) => this.#fetch(url, init ?? {}),
      reconnectionOptions: { maxRetries: 0, initialReconnectionDelay: 1, maxReconnectionDelay: 1, reconnectionDelayGrowFactor: 1 },
    });
    await client.connect(transport, { timeout: connectMs });
    return client;
  }

  async #fetch(url: string | URL, init: RequestInit): Promise<Response> {
    // No server-opened stream: whatever a server has to say comes as the answer to a call.
    if ((init.method ?? "GET") !== "POST") return new Response(null, { status: 405 });
    const isCall = typeof init.body === "string" && init.body.includes('"tools/call"') && isToolsCall(init.body);
    return fetchThroughDoor(url, init, isCall ? this.#callKey : undefined);
  }
}

function isToolsCall(body: string): boolean {
  return (JSON.parse(body) as { method?: unknown }).method === "tools/call";
}
