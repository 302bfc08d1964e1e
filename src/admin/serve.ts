// Control `schemas`: from raw HTTP to the app. An attacker sends what two readers would read in two ways: two Hosts, a whole
// URL as the target, bad chunks, endless headers. Node's parser refuses most of it; what it would let through or mend is refused
// here, before anything looks at it. Every answer is a problem document, also the one to what is no HTTP at all.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { problemReply, type Refused } from "./problem.ts";
import { decideHost } from "./site.ts";
import { cutStalled } from "./stalled.ts";

const limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 16_384,
  insecureHTTPParser: false,
  requireHostHeader: false,
};
const maxConnections = 256;
const stallMs = 15_000;

/** A server that answers with the app; it listens when it is told to. Times are arguments so that tests need not wait. */
export function makeServer(app: Hono, times: Partial<typeof limits & { stallMs: number }> = {}): Server {
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = createServer({ ...limits, ...times }, (request, response) => {
    const refused = decideRaw(request);
    if (refused) return refuse(response, refused);
    void listener(request, response);
  });
  server.maxConnections = maxConnections;
  server.maxHeadersCount = 100;
  server.on("clientError", answerBroken);
  cutStalled(server, times.stallMs ?? stallMs);
  const noTunnel = "(request): connections are for HTTP requests alone: no CONNECT, no upgrade, no WebSocket";
  for (const event of ["connect", "upgrade"] as const)
    server.on(event, (_request, socket: Socket) => answerSocket(socket, 400, "upgrade_refused", noTunnel));
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) =>
    refuse(response, { status: 417, code: "wrong_expectation", detail: "Expect: leave it out", field: "Expect" }),
  );
  return server;
}

/** Why a request that Node could read is refused all the same, or undefined. */
function decideRaw(request: IncomingMessage): Refused | undefined {
  const { url = "", rawHeaders } = request;
  const hosts = rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === "host").length;
  if (hosts !== 1) return { status: 400, code: "wrong_host", detail: "Host: send exactly one", field: "Host" };
  // Before the target: a URL is made of both.
  const elsewhere = decideHost(request.headers.host ?? null);
  if (elsewhere) return elsewhere;
  if (!/^\/[\x21-\x7e]*$/.test(url) || url.includes("#") || url.includes("\\") || isMended(url)) {
    return {
      status: 400,
      code: "wrong_target",
      detail: "(target): send a plain path, without host, fragment or dot segments",
      field: "(target)",
    };
  }
  return undefined;
}

/** True for a path that a URL parser, or somebody on the way, would read as another one. */
function isMended(url: string): boolean {
  const path = url.split("?", 1)[0] ?? "";
  return path.startsWith("//") || path.split("/").some((part) => /^(?:\.|%2e){1,2}$/i.test(part));
}

function refuse(response: ServerResponse, refused: Refused): void {
  const { status, headers, body } = problemReply(refused);
  response.writeHead(status, { ...headers, connection: "close" }).end(body);
}

const broken: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, "headers_too_large"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "body_too_large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "too_slow"],
};

function answerBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, code] = broken[error.code ?? ""] ?? [400, "not_http"];
  answerSocket(socket, status, code, "(request): this is not HTTP/1.1 as we read it");
}

/** Answers a connection that serves no further request, and closes it. */
function answerSocket(socket: Socket, status: number, code: string, detail: string): void {
  socket.on("error", () => undefined);
  const { headers, body } = problemReply({ status, code, detail, field: "(request)" });
  const head = [`HTTP/1.1 ${status} ${code}`, `content-type: ${headers["content-type"]}`, "connection: close"];
  socket.end(`${head.join("\r\n")}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
