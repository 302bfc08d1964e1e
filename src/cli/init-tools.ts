// Asks a tool server what it offers, before there is a deployment that could. The server is untrusted: it would like to be
// waited for without end, to fill the memory, to be followed elsewhere with the token, or to get words into the file that
// are more than a comment. Nothing is called; what it says of a tool grants nothing.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { z } from "zod";
import { printable } from "../controls/manifest/printable.ts";
import { modelName } from "../controls/manifest/model-name.ts";
import { property, toolName } from "../controls/manifest/shapes.ts";
import { parseToolSchema } from "../controls/policy/tool-schema.ts";

export interface FoundTool {
  readonly name: string;
  /** Names of its arguments. */
  readonly properties: readonly string[];
  /** What the server says of it: one line, cut. */
  readonly says: string;
}

export interface FoundTools {
  readonly tools: readonly FoundTool[];
  /** Tools that cannot stand in a file, each with the reason, in one line. */
  readonly leftOut: readonly string[];
}

/** `absent`: nothing usable answers there now. `closed`: something does, and wants a token or another one. */
export interface NotListed {
  readonly why: "absent" | "closed";
  readonly message: string;
}

const limitMs = 5000;
const maxBytes = 2_097_152;
const maxPages = 20;
const maxTools = 200;
const maxSaid = 120;

const listPage = z.looseObject({ tools: z.array(z.unknown()).max(1000), nextCursor: z.string().max(4096).optional() });
const offeredTool = z.looseObject({
  name: z.string(),
  description: z.string().optional(),
  inputSchema: z.unknown(),
});

/** Lists the tools of the server at `url`, within a few seconds. `token` is sent to exactly this URL. */
export async function findTools(url: string, token: string | undefined): Promise<FoundTools | NotListed> {
  const signal = AbortSignal.timeout(limitMs);
  let status = 0;
  const client = new Client({ name: "ambit", version: "1" });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
    fetch: async (target, init) => {
      const response = await askOnce(target, init ?? {}, signal);
      status = response.status;
      return response;
    },
    reconnectionOptions: {
      ...{ maxRetries: 0, initialReconnectionDelay: 1, maxReconnectionDelay: 1, reconnectionDelayGrowFactor: 1 },
    },
  });
  try {
    await client.connect(transport, { timeout: limitMs, signal });
    return sortTools(await listAll(client, signal));
  } catch (thrown) {
    if (status === 401 || status === 403)
      return {
        why: "closed",
        message: `it answered ${status}: ${token === undefined ? "it wants a token" : "it does not take this token"}`,
      };
    if (signal.aborted) return { why: "absent", message: `no answer within ${limitMs / 1000} s` };
    return { why: "absent", message: reasonOf(thrown) };
  } finally {
    void client.close().catch(() => undefined);
  }
}

/** No stream that the server opens by itself, no redirect, and no answer that does not end. */
async function askOnce(target: string | URL, init: RequestInit, signal: AbortSignal): Promise<Response> {
  if ((init.method ?? "GET") !== "POST") return new Response(null, { status: 405 });
  const response = await fetch(target, { ...init, redirect: "error", signal });
  let size = 0;
  const counted = response.body?.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        size += piece.length;
        if (size > maxBytes) controller.error(new Error(`its answer is over ${maxBytes} bytes`));
        else controller.enqueue(piece);
      },
    }),
  );
  return new Response(counted ?? null, { status: response.status, headers: response.headers });
}

async function listAll(client: Client, signal: AbortSignal): Promise<unknown[]> {
  const tools: unknown[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < maxPages; page++) {
    const params = cursor === undefined ? {} : { cursor };
    const answer = await client.request({ method: "tools/list", params }, listPage, { signal });
    tools.push(...answer.tools);
    cursor = answer.nextCursor;
    if (cursor === undefined || tools.length > maxTools) return tools;
  }
  throw new Error(`its list of tools does not end: more than ${maxPages} pages`);
}

/** What of a list can stand in a deployment file, by the same rules as at deploy. */
export function sortTools(offered: readonly unknown[]): FoundTools {
  const tools: FoundTool[] = [];
  const leftOut: string[] = [];
  for (const one of offered.slice(0, maxTools)) {
    const found = readTool(one, tools);
    if (typeof found === "string") leftOut.push(found);
    else tools.push(found);
  }
  if (offered.length > maxTools) leftOut.push(`${offered.length - maxTools} more: only ${maxTools} are looked at`);
  return { tools, leftOut };
}

function readTool(one: unknown, before: readonly FoundTool[]): FoundTool | string {
  const parsed = offeredTool.safeParse(one);
  if (!parsed.success) return "a tool without a name";
  const { name, description = "", inputSchema } = parsed.data;
  const shown = printable(name);
  if (!toolName.safeParse(name).success) return `${shown}: its name cannot stand in a file`;
  if (before.some((other) => modelName(other.name) === modelName(name)))
    return `${shown}: another tool has this name for the model`;
  const schema = parseToolSchema(inputSchema, name);
  if ("reason" in schema) return printable(`${shown}: ${schema.message}`, 300);
  const properties = schema.properties.filter((key) => property.safeParse(key).success);
  return { name, properties, says: printable(description.replaceAll(/\s+/g, " ").trim(), maxSaid) };
}

/** The innermost cause, which is the one that says something: "fetch failed" does not. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  return printable(cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ") : String(cause), 200);
}
