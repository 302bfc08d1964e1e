import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { decideDestination, planEgress } from "../../controls/egress/destination.ts";
import { exchange, piecesOf, reasonOf, type Limits } from "./exchange.ts";
import { makeRelease } from "./fixtures/harness.ts";
import { Pool } from "./pool.ts";

const patient: Limits = { headersMs: 5000, idleMs: 5000, totalMs: 5000 };

/** What one exchange with this raw server ends in: the body, or the reason why there is none. */
async function run(
  t: TestContext,
  serve: (socket: Socket) => void,
  limits: Limits,
  signal?: AbortSignal,
): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined).once("data", () => serve(socket));
    t.after(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const plan = planEgress(makeRelease("clerk", port).manifest);
  const verdict = decideDestination(plan, "GET", `http://127.0.0.1:${port}/x`);
  assert.ok(verdict.verdict === "allow");
  const dialled = await new Pool(() => assert.fail()).acquire(verdict.value, false);
  assert.ok(dialled.ok);
  t.after(() => dialled.value.socket.destroy());
  const reply = await exchange(
    dialled.value,
    { method: "GET", path: "/x", headers: { host: "x" }, body: Buffer.alloc(0) },
    limits,
    signal,
  );
  if (!reply.ok) return reply.reason;
  try {
    const pieces: Buffer[] = [];
    for await (const piece of piecesOf(reply.response, limits.idleMs)) pieces.push(piece);
    return `${reply.response.statusCode} ${Buffer.concat(pieces).toString()}`;
  } catch (error) {
    return reasonOf(error);
  }
}

const head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";

test("a server that says nothing, stops in the middle, or never ends is given up", async (t) => {
  assert.equal(await run(t, (socket) => socket.write(`${head}whole`.slice(0, -1)), patient), "200 whol");
  assert.equal(await run(t, () => undefined, { ...patient, headersMs: 50 }), "headers_timeout");
  assert.equal(
    await run(t, (socket) => socket.write("HTTP/1.1 200 OK\r\nx: 1\r\n"), { ...patient, headersMs: 50 }),
    "headers_timeout",
  );
  assert.equal(await run(t, (socket) => socket.write(`${head}ha`), { ...patient, idleMs: 50 }), "idle_timeout");
  const drip = (socket: Socket): void => {
    socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    const timer = setInterval(() => socket.write("1\r\na\r\n"), 10);
    socket.on("close", () => clearInterval(timer));
  };
  assert.equal(await run(t, drip, { ...patient, idleMs: 100, totalMs: 150 }), "total_timeout");
  assert.equal(await run(t, () => undefined, { ...patient, totalMs: 50 }), "total_timeout");
});

test("an answer that ends before its length, in the middle of a chunk or before its head is lost", async (t) => {
  assert.equal(await run(t, (socket) => socket.end(`${head}who`), patient), "connection_lost");
  assert.equal(
    await run(t, (socket) => socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwhol\r\n"), patient),
    "connection_lost",
  );
  assert.equal(await run(t, (socket) => socket.end("HTTP/1.1 200 OK\r\n"), patient), "connection_lost");
  assert.equal(await run(t, (socket) => socket.destroy(), patient), "connection_lost");
});

test("heads that are too large, no HTTP, or a switch of protocol nobody asked for are refused", async (t) => {
  assert.equal(
    await run(t, (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(17_000)}\r\n\r\n`), patient),
    "answer_headers_too_large",
  );
  assert.equal(await run(t, (socket) => socket.write("220 mail.example ESMTP\r\n"), patient), "answer_not_http");
  assert.equal(
    await run(t, (socket) => socket.write("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"), patient),
    "answer_not_http",
  );
  assert.equal(
    await run(
      t,
      (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      patient,
    ),
    "connection_lost",
  );
  const both = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
  assert.equal(await run(t, (socket) => socket.write(both), patient), "answer_not_http");
});

test("an interim answer is not the answer", async (t) => {
  assert.equal(
    await run(t, (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${head}done`), patient),
    "200 done",
  );
});

test("whoever asked may go away in between", async (t) => {
  const gone = new AbortController();
  setTimeout(() => gone.abort(), 30);
  assert.equal(await run(t, () => undefined, patient, gone.signal), "caller_gone");
});
