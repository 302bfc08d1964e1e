// Control `schemas`: writing the front's own answers. An attacker sends a body nobody wants, or half of one, and hopes
// that its rest is read as the next request. So whenever a body was not read to its end the connection is closed, after
// a moment in which the rest is thrown away: closing at once would reset the connection and lose the answer with it.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FrontRefusal } from "./refusal.ts";
import { ownHeaderPrefix } from "../../controls/wire/door.ts";

/** Answers with a small body that is written at once. `unread`: the request's body has not arrived or was not read. */
export function answerWhole(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { status: number; type: string; body: string; headers: readonly string[] },
  after: { unread: boolean; close: boolean; lingerMs: number },
): void {
  const headers = [...answer.headers, "content-type", answer.type, "cache-control", "no-store"];
  headers.push("content-length", String(Buffer.byteLength(answer.body)));
  if (after.unread || after.close) headers.push("connection", "close");
  response.writeHead(answer.status, headers);
  if (!after.unread) {
    response.end(answer.body);
    return;
  }
  response.write(answer.body);
  endAfterBody(request, response, after.lingerMs);
}

/** Ends a whole answer once the rest of the request's body has been thrown away, or after `lingerMs`. */
export function endAfterBody(request: IncomingMessage, response: ServerResponse, lingerMs: number): void {
  const timer = setTimeout(end, lingerMs);
  function end(): void {
    clearTimeout(timer);
    response.end();
  }
  request.once("end", end).once("close", end);
  request.resume();
}

/** Answers on a connection on which no request could be read, and closes it. */
export function answerSocket(socket: Socket, refusal: FrontRefusal, requestId: string, lingerMs: number): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(refusal.problem);
  const headers = [...refusal.headers, "content-type", "application/problem+json", "cache-control", "no-store"];
  headers.push(
    "content-length",
    String(Buffer.byteLength(body)),
    `${ownHeaderPrefix}request-id`,
    requestId,
    "connection",
    "close",
  );
  const lines = headers.reduce((text, part, at) => text + (at % 2 === 0 ? `${part}: ` : `${part}\r\n`), "");
  socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}\r\n${lines}\r\n${body}`);
  setTimeout(() => socket.destroy(), lingerMs).unref();
}
