// What the tool servers of claims share that keep count of what was done: MCP over HTTP on a free port of the loopback, the
// request's own bytes handed to the official server, and one line of JSON on standard output that says where it listens.
// Nothing guards it: the claims look at what a gate lets through, not at what a server refuses.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";

/** Serves the tools that `register` adds. */
export function serveTools(name: string, register: (server: McpServer) => void): void {
  const handler = createMcpHandler(() => {
    const tools = new McpServer({ name, version: "1" });
    register(tools);
    return tools;
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
}

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
