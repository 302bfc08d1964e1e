import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSocket } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { controlRequest, ControlUnreachable } from "./control-client.ts";

const scratch = mkdtempSync("/tmp/ambit-client-");
after(() => rmSync(scratch, { recursive: true, force: true }));
let number = 0;

async function serve(listener: RequestListener): Promise<{ socket: string; close: () => void }> {
  const socket = join(scratch, `${number++}.sock`);
  const server = createServer(listener).listen(socket);
  await new Promise((resolve) => server.once("listening", resolve));
  return { socket, close: () => void server.close() };
}

const ask = (socket: string, more = {}) =>
  controlRequest({ socket, state: "/s", method: "GET", path: "/v1/status", ...more });

test("where nothing runs the words say how to start it", async () => {
  const missing = join(scratch, "missing.sock");
  await assert.rejects(ask(missing), new ControlUnreachable("no Ambit runs on /s: start it with ./ambit up"));
  const stale = join(scratch, "stale.sock");
  const server = createSocket().listen(`${stale}.tmp`);
  await new Promise((resolve) => server.once("listening", resolve));
  const { renameSync } = await import("node:fs");
  renameSync(`${stale}.tmp`, stale);
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(ask(stale), /no Ambit runs on \/s/);
});

test("JSON goes and comes as JSON, bytes go as they are, no body comes as null", async () => {
  const seen: { type: string | undefined; body: string }[] = [];
  const { socket, close } = await serve((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      seen.push({ type: request.headers["content-type"], body });
      if (request.url === "/empty") response.writeHead(204).end();
      else response.writeHead(422).end('{"detail":"no"}');
    });
  });
  assert.deepEqual(await ask(socket, { method: "PUT", body: { a: 1 } }), { status: 422, body: { detail: "no" } });
  assert.deepEqual(await ask(socket, { method: "PUT", path: "/empty", body: Buffer.from("s3cret") }), {
    status: 204,
    body: null,
  });
  assert.deepEqual(seen, [
    { type: "application/json", body: '{"a":1}' },
    { type: "application/octet-stream", body: "s3cret" },
  ]);
  close();
});

test("an answer that never comes, is cut, is no JSON or has no end is an error that says so", async () => {
  const rows: [RequestListener, RegExp][] = [
    [() => undefined, /did not answer in time/],
    [
      (_, response) => response.writeHead(200, { "content-length": 10 }).write("12345", () => response.destroy()),
      /gave no whole answer/,
    ],
    [(_, response) => void response.end("not json"), /gave no whole answer/],
    [(_, response) => void response.end(Buffer.alloc(8_388_609)), /answer over 8388608 bytes/],
  ];
  for (const [listener, words] of rows) {
    const { socket, close } = await serve(listener);
    await assert.rejects(
      ask(socket, { timeoutMs: 300 }),
      (error) => error instanceof ControlUnreachable && words.test(error.message),
    );
    close();
  }
});
