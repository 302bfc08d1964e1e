// A tool server that pays whatever it is told, under as many names as it is given: each call appends one line to a file, so
// what really happened can be counted. It takes any amount and any currency: what bounds them is not here.
// Usage: node claims/pay-server.ts --file paid.txt NAME ...   (prints one line of JSON with its URL)
import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const { values, positionals } = parseArgs({ options: { file: { type: "string" } }, allowPositionals: true });
const file = values.file ?? "";
const inputSchema = z.strictObject({
  cents: z.union([z.number(), z.string()]).optional(),
  currency: z.string().max(10).optional(),
});

const handler = createMcpHandler(() => {
  const server = new McpServer({ name: "payments", version: "1" });
  for (const name of positionals) {
    server.registerTool(name, { description: "Pays.", inputSchema }, ({ cents, currency }) => {
      appendFileSync(file, `${name} ${cents ?? "all"} ${currency ?? "EUR"}\n`);
      return { content: [{ type: "text", text: "paid" }] };
    });
  }
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
