// A tool server that keeps count: every call of `note` and `announce` appends one line to a file, so that a call made twice
// can be seen.
// Usage: node claims/notes-server.ts --file notes.txt   (prints one line of JSON with its URL)
import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const { values } = parseArgs({ options: { file: { type: "string" } } });
const file = values.file ?? "";

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "notes", version: "1" });
  const inputSchema = z.strictObject({ text: z.string().max(200) });
  const keep = ({ text }: { text: string }) => {
    appendFileSync(file, `${text}\n`);
    return { content: [{ type: "text" as const, text: `kept ${text}` }] };
  };
  server.registerTool("note", { description: "Keeps a note.", inputSchema }, keep);
  server.registerTool("announce", { description: "Announces something.", inputSchema }, keep);
  return server;
});

const server = createServer(async (request, response) => {
  try {
    const answer = await handler.fetch(await asWebRequest(request));
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    if (answer.body === null) response.end();
    else await pipeline(Readable.from(answer.body), response);
  } catch {
    response.destroy();
  }
});
server.keepAliveTimeout = 65_000;
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ ready: true, url: `http://127.0.0.1:${port}/mcp` }));
});

async function asWebRequest(request: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
  const method = request.method ?? "GET";
  return new Request("http://127.0.0.1/mcp", {
    method,
    headers,
    ...(method === "POST" ? { body: Buffer.concat(chunks) } : {}),
  });
}
