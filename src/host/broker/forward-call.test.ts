import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Agent } from "node:http";
import { connect, createServer as createTcpServer, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Calls } from "./calls.ts";
import {
  ask,
  makeRelease,
  startTestBroker,
  startUpstream,
  type Reply,
  type TestBroker,
  type Upstream,
} from "./fixtures/harness.ts";

const post = (broker: TestBroker, url: string, call: string): Promise<Reply> =>
  ask(broker.door("clerk"), url, { method: "POST", headers: { "x-ambit-call": call }, body: "{}" });
const outcome = async (broker: TestBroker, call: string): Promise<Record<string, unknown> | undefined> =>
  (await ask(broker.door("clerk"), `http://outcome.internal/${call}`)).json;

async function setUp(
  t: TestContext,
  answer: Parameters<typeof startUpstream>[1],
): Promise<{ broker: TestBroker; up: Upstream }> {
  const up = await startUpstream(t, answer);
  const broker = await startTestBroker(t, ["clerk", "other"]);
  await broker.put(
    makeRelease("clerk", up.port, { egress: { allow_internal: [`127.0.0.1:${up.port}`, "127.0.0.1:1"] } }),
  );
  await broker.put(makeRelease("other", up.port));
  return { broker, up };
}

test("a call leaves once: the same key again is refused and the outcome gives the same answer", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) =>
    response.writeHead(201, { "content-type": "application/json" }).end('{"paid":"é"}'),
  );
  const first = await post(broker, `${up.url}/x`, "call-0001.1");
  assert.deepEqual([first.status, first.body], [201, '{"paid":"é"}']);
  const second = await post(broker, `${up.url}/x`, "call-0001.1");
  assert.deepEqual(
    [second.status, second.json?.["word"], second.json?.["reason"]],
    [403, "refused", "call_already_forwarded"],
  );
  const hash = createHash("sha256").update(first.body).digest("hex");
  assert.deepEqual(await outcome(broker, "call-0001.1"), {
    state: "answered",
    status: 201,
    contentType: "application/json",
    body: first.body,
    hash,
  });
  assert.equal(up.seen.length, 1);
  assert.equal(up.seen[0]?.headers["x-ambit-call"], undefined);
  await post(broker, `${up.url}/x`, "call-0001.2");
  assert.equal(up.seen.length, 2);
});

test("a key of one deployment says nothing about the same key of another", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  await post(broker, `${up.url}/x`, "call-0001.1");
  const other = await ask(broker.door("other"), "http://outcome.internal/call-0001.1");
  assert.deepEqual(other.json, { state: "not_forwarded" });
});

test("a key that was asked for before it came is burnt: a late request with it never leaves", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  assert.deepEqual(await outcome(broker, "call-0001.1"), { state: "not_forwarded" });
  assert.equal((await post(broker, `${up.url}/x`, "call-0001.1")).json?.["reason"], "call_already_forwarded");
  assert.deepEqual(await outcome(broker, "call-0001.1"), { state: "not_forwarded" });
  assert.equal(up.seen.length, 0);
});

test("a call that found nobody is not forwarded and may be tried again under its key", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  const down = await post(broker, "http://127.0.0.1:1/x", "call-0001.1");
  assert.deepEqual([down.status, down.json?.["word"]], [502, "unreachable"]);
  assert.equal((await post(broker, `${up.url}/x`, "call-0001.1")).body, "ok");
  await post(broker, "http://127.0.0.1:1/x", "call-0002.1");
  assert.deepEqual(await outcome(broker, "call-0002.1"), { state: "not_forwarded" });
});

test("a call that broke after its bytes went out is unknown, for ever", async (t) => {
  const { broker, up } = await setUp(t, (request, response) => {
    if (request.url === "/half") response.writeHead(200, { "content-length": "10" }).write("half");
    setTimeout(() => request.socket.destroy(), 20);
  });
  for (const [index, path] of ["/none", "/half"].entries()) {
    const reply = await post(broker, up.url + path, `call-000${index}.1`);
    assert.deepEqual([reply.status, reply.headers["x-ambit-broker"], reply.json?.["word"]], [502, "broken", "broken"]);
    assert.deepEqual(await outcome(broker, `call-000${index}.1`), { state: "unknown" });
    assert.equal((await post(broker, up.url + path, `call-000${index}.1`)).json?.["reason"], "call_already_forwarded");
  }
  assert.equal(up.seen.length, 2);
});

test("a gate that goes away in between does not undo the call, and the outcome waits for its answer", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => void setTimeout(() => response.end("done"), 200));
  const head = `POST ${up.url}/x HTTP/1.1\r\nx-ambit-call: call-0001.1\r\ncontent-length: 2\r\n\r\n{}`;
  const socket = connect(broker.door("clerk"), () => socket.write(head));
  while (up.seen.length === 0) await sleep(5);
  socket.destroy();
  const startedAt = Date.now();
  assert.equal((await outcome(broker, "call-0001.1"))?.["state"], "answered");
  assert.ok(Date.now() - startedAt > 100);
});

test("a request that breaks off before its end never leaves", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  const head = `POST ${up.url}/x HTTP/1.1\r\nx-ambit-call: call-0001.1\r\ncontent-length: 20\r\n\r\n{}`;
  const socket = connect(broker.door("clerk"), () => socket.write(head, () => socket.destroy()));
  await new Promise((resolve) => socket.once("close", resolve));
  await sleep(50);
  assert.deepEqual(await outcome(broker, "call-0001.1"), { state: "not_forwarded" });
  assert.equal(up.seen.length, 0);
});

test("a key of another form, twice, or on a model call is refused", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  for (const call of [
    "short.1",
    "call-0001",
    "call-0001.0",
    "CALL-0001.1",
    "call-0001.1, call-0001.2",
    `${"a".repeat(81)}.1`,
  ]) {
    assert.equal((await post(broker, `${up.url}/x`, call)).json?.["reason"], "bad_call_key", call);
  }
  assert.equal(
    (await post(broker, "http://model.internal/chat/completions", "call-0001.1")).json?.["reason"],
    "bad_call_key",
  );
  assert.equal((await ask(broker.door("clerk"), "http://outcome.internal/short.1")).json?.["reason"], "bad_request");
  assert.equal(
    (await ask(broker.door("clerk"), "http://outcome.internal/call-0001.1", { method: "POST" })).json?.["reason"],
    "bad_request",
  );
  assert.equal(up.seen.length, 0);
});

test("a streamed answer is whole with its response, however long the server keeps the stream open", async (t) => {
  const note = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n';
  const result = 'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{"text":"é"}}\n\n';
  const { broker, up } = await setUp(t, (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(note);
    setTimeout(() => response.write(result.slice(0, 30)), 20);
    setTimeout(() => response.write(`${result.slice(30)}data: more\n\n`), 40);
  });
  const startedAt = Date.now();
  const reply = await post(broker, `${up.url}/x`, "call-0001.1");
  assert.equal(reply.body, note + result);
  assert.ok(Date.now() - startedAt < 1000);
  assert.equal((await outcome(broker, "call-0001.1"))?.["body"], note + result);
});

test("an answer over the cap counts as answered and an encoded one as unknown", async (t) => {
  const { broker, up } = await setUp(t, (request, response) => {
    if (request.url === "/large") response.end(Buffer.alloc(4_194_305, 97));
    else response.writeHead(200, { "content-encoding": "gzip" }).end("x");
  });
  assert.equal((await post(broker, `${up.url}/large`, "call-0001.1")).json?.["word"], "too_large");
  const large = await outcome(broker, "call-0001.1");
  assert.deepEqual([large?.["state"], large?.["status"]], ["answered", 502]);
  assert.match(String(large?.["body"]), /"word":"too_large"/);
  assert.equal((await post(broker, `${up.url}/gzip`, "call-0002.1")).json?.["reason"], "answer_encoded");
  assert.deepEqual(await outcome(broker, "call-0002.1"), { state: "unknown" });
});

test("calls one after the other share a connection, and a server that closes idle ones breaks none", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  const ports = new Set<number>();
  up.server.on("request", (request) => ports.add(request.socket.remotePort ?? 0));
  for (let index = 1; index <= 20; index++)
    assert.equal((await post(broker, `${up.url}/x`, `call-0001.${index}`)).body, "ok");
  assert.equal(ports.size, 1);
  for (let index = 1; index <= 100; index++) {
    up.server.closeIdleConnections();
    assert.equal((await post(broker, `${up.url}/x`, `call-0002.${index}`)).body, "ok", String(index));
  }
});

test("a server that says how long it keeps connections is believed", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) =>
    response.setHeader("keep-alive", "timeout=1").end("ok"),
  );
  const ports: number[] = [];
  up.server.on("request", (request) => void ports.push(request.socket.remotePort ?? 0));
  await post(broker, `${up.url}/x`, "call-0001.1");
  await post(broker, `${up.url}/x`, "call-0001.2");
  assert.equal(new Set(ports).size, 2);
});

test("bytes that nobody asked for on an idle connection are not taken for an answer", async (t) => {
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", port));
  const url = `http://127.0.0.1:${port}/x`;
  assert.equal((await post(broker, url, "call-0001.1")).body, "ok");
  sockets[0]?.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged");
  await sleep(20);
  assert.equal((await post(broker, url, "call-0001.2")).body, "ok");
  assert.equal(sockets.length, 2);
});

test("a full disk refuses the call before anything is dialled, and plain requests go on", async (t) => {
  const up = await startUpstream(t, (_request, response) => response.end("ok"));
  const broker = await startTestBroker(t, ["clerk"]);
  await broker.put(makeRelease("clerk", up.port));
  await post(broker, `${up.url}/x`, "call-0001.1");
  t.mock.method(Calls.prototype, "begin", () => {
    throw Object.assign(new Error("database or disk is full"), { errcode: 13 });
  });
  const reply = await post(broker, `${up.url}/x`, "call-0001.2");
  assert.deepEqual(
    [reply.status, reply.headers["x-ambit-broker"], reply.json?.["reason"]],
    [502, "refused", "storage_failed"],
  );
  assert.equal(up.seen.length, 1);
  assert.equal((await ask(broker.door("clerk"), `${up.url}/x`)).body, "ok");
});

test("an answer that cannot be stored is not passed on, and its call is unknown", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end("ok"));
  t.mock.method(Calls.prototype, "answered", () => {
    throw Object.assign(new Error("database or disk is full"), { errcode: 13 });
  });
  assert.equal((await post(broker, `${up.url}/x`, "call-0001.1")).json?.["reason"], "storage_failed");
  assert.deepEqual(await outcome(broker, "call-0001.1"), { state: "unknown" });
});

test("the door's own connection stays usable after refusals and breaks", async (t) => {
  const { broker, up } = await setUp(t, (request, response) =>
    request.url === "/break" ? request.socket.destroy() : response.end("ok"),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const send = (url: string, headers: Record<string, string> = {}): Promise<Reply> =>
    ask(broker.door("clerk"), url, { method: "POST", body: "{}", headers, agent });
  assert.equal((await send("https://evil.example/")).status, 403);
  assert.equal((await send(`${up.url}/break`)).status, 502);
  assert.equal((await send(`${up.url}/x`, { "x-ambit-call": "call-0001.1" })).body, "ok");
  assert.equal((await send(`${up.url}/x`)).body, "ok");
});

test("a connection to an upstream that carries many requests gathers no listeners", async (t) => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  process.on("warning", onWarning);
  t.after(() => process.off("warning", onWarning));
  const event = `event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n`;
  const { broker, up } = await setUp(t, (request, response) => {
    if (request.url === "/stream") response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(event);
  });
  let connections = 0;
  up.server.on("connection", () => connections++);
  for (let index = 1000; index < 1030; index++) {
    await post(broker, `${up.url}/stream`, `call-${index}.1`);
    await ask(broker.door("clerk"), `${up.url}/plain`);
  }
  assert.deepEqual([connections, warnings], [1, []]);
});

test("answers that nobody reads count until somebody does: what goes beyond 64 MiB is refused", async (t) => {
  const { broker, up } = await setUp(t, (_request, response) => response.end(Buffer.alloc(4_194_304, 97)));
  assert.equal((await post(broker, `${up.url}/x`, "call-0001.1")).status, 200);
  const asked = "GET http://outcome.internal/call-0001.1 HTTP/1.1\r\n\r\n";
  const sockets = Array.from({ length: 15 }, () => connect(broker.door("clerk")).pause());
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.write(asked);
  const status = async (name: string): Promise<number> =>
    (await ask(broker.door(name), "http://outcome.internal/call-0001.1")).status;
  const until = async (wanted: number): Promise<void> => {
    while ((await status("clerk")) !== wanted) await sleep(10);
  };
  await until(429);
  assert.equal(await status("other"), 200);
  for (const socket of sockets) socket.destroy();
  await until(200);
});
