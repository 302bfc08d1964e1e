// Control `rate-limits`: what is too long, too large, too slow or too much is cut, and just under it is served.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Problem } from "../../controls/wire/gate.ts";
import { frontLimits } from "./limits.ts";
import { eventually, openStand, openWire } from "./fixtures/stand.ts";

const post = "POST /d/clerk/v1/messages HTTP/1.1\r\nHost: a\r\n";
const megabyte = 1_048_576;

test("the documented limits are the ones that hold when nobody says otherwise", () => {
  assert.deepEqual(frontLimits, {
    headerBytes: 16_384,
    headerCount: 100,
    targetBytes: 2048,
    bodyBytes: megabyte,
    headersMs: 10_000,
    requestMs: 30_000,
    keepAliveMs: 10_000,
    stallMs: 30_000,
    answerMs: 75_000,
    connectMs: 2_000,
    switchMs: 10_000,
    gateIdleMs: 2_000,
    lingerMs: 1_000,
    drainMs: 10_000,
    sockets: 2_000,
    socketsPerClient: 1_000,
    requestsPerGate: 200,
    webhooksPerGate: 50,
  });
});

test("a body of 1 MiB is passed on, one byte more is refused before a byte of it went anywhere", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk", (request, response) =>
    request.resume().on("end", () => response.end("whole")),
  );
  const whole = await fetch(`${stand.url}/d/clerk/v1/x`, { method: "POST", body: "a".repeat(megabyte) });
  assert.deepEqual([whole.status, await whole.text(), gate.seen[0]?.body.length], [200, "whole", megabyte]);
  const over = await fetch(`${stand.url}/d/clerk/v1/x`, { method: "POST", body: "a".repeat(megabyte + 1) });
  assert.deepEqual([over.status, ((await over.json()) as Problem).type], [413, "urn:ambit:problem:body_too_large"]);
  assert.equal(gate.seen.length, 1);
});

test("a client that sends its whole body before it reads still learns that it was too large", async (t) => {
  const stand = await openStand(t);
  const wire = openWire(stand.port, `${post}Content-Length: ${2 * megabyte}\r\n\r\n`);
  wire.socket.pause();
  for (let part = 0; part < 32; part++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    wire.socket.write("a".repeat(65_536));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  wire.socket.resume();
  assert.match(await wire.closed(), /^HTTP\/1\.1 413 /);
});

test("a chunked body of 1 MiB is passed on; over it the gate's request is cut and the client is told", async (t) => {
  const stand = await openStand(t, { lingerMs: 200 });
  const gate = await stand.gate("clerk", (request, response) =>
    request.resume().on("end", () => response.end("whole")),
  );
  const chunk = `10000\r\n${"a".repeat(65_536)}\r\n`;
  const head = `${post}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
  assert.match(await openWire(stand.port, `${head}${chunk.repeat(16)}0\r\n\r\n`).closed(), /^HTTP\/1\.1 200 /);
  assert.match(
    await openWire(stand.port, `${head}${chunk.repeat(16)}1\r\na\r\n0\r\n\r\n`).closed(),
    /^HTTP\/1\.1 413 /,
  );
  assert.deepEqual(
    gate.seen.map((seen) => seen.whole),
    [true, false],
  );
});

test("a client that asks first is told to go on, or refused without having sent its body", async (t) => {
  const stand = await openStand(t, { lingerMs: 100 });
  await stand.gate("clerk", (request, response) => request.resume().on("end", () => response.end("whole")));
  const ask = (length: number): string =>
    `${post}Connection: close\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;
  const wire = openWire(stand.port, ask(5));
  await eventually("100 Continue", () => wire.text().startsWith("HTTP/1.1 100 Continue\r\n\r\n"));
  wire.socket.write("12345");
  assert.match(await wire.closed(), /HTTP\/1\.1 200 [^]*whole/);
  assert.match(await openWire(stand.port, ask(megabyte + 1)).closed(), /^HTTP\/1\.1 413 /);
});

const slow: readonly [string, string[]][] = [
  ["says nothing", []],
  ["never ends its first line", [..."GET /d/clerk/v1/xxxxxxxxxxxxxxxxxxx"]],
  [
    "sends a header every now and then",
    ["GET /d/clerk/v1/x HTTP/1.1\r\n", "Host: a\r\n", ..."XYZUVWABCDEF".split("").map((name) => `${name}: 1\r\n`)],
  ],
];
for (const [name, pieces] of slow) {
  test(`a connection that ${name} is cut in time, and others are served meanwhile`, async (t) => {
    const stand = await openStand(t, { headersMs: 200 });
    await stand.gate("clerk");
    const wire = openWire(stand.port);
    const started = performance.now();
    const left = [...pieces];
    const drip = setInterval(() => wire.socket.write(left.shift() ?? ""), 60);
    assert.equal((await fetch(`${stand.url}/d/clerk/v1/x`)).status, 200);
    const text = await wire.closed(3_000).finally(() => clearInterval(drip));
    assert.match(text, /^HTTP\/1\.1 408 /);
    assert.ok(performance.now() - started < 2_000);
  });
}

test("a body that drips is cut in time and never arrives whole", async (t) => {
  const stand = await openStand(t, { headersMs: 200, requestMs: 300 });
  const gate = await stand.gate("clerk", (request, response) => request.resume().on("end", () => response.end()));
  const wire = openWire(stand.port, `${post}Content-Length: 1000\r\n\r\n`);
  const drip = setInterval(() => wire.socket.write("a"), 50);
  const text = await wire.closed(3_000).finally(() => clearInterval(drip));
  assert.match(text, /^HTTP\/1\.1 408 [^]*request_too_slow/);
  assert.deepEqual(
    gate.seen.map((seen) => seen.whole),
    [false],
  );
});

test("a gate that does not read a body is blamed for it, not the client", async (t) => {
  const stand = await openStand(t, { headersMs: 200, requestMs: 400, lingerMs: 50 });
  await stand.gate("clerk", (request) => request.pause());
  const wire = openWire(stand.port, `${post}Content-Length: ${megabyte}\r\n\r\n${"a".repeat(megabyte)}`);
  assert.match(await wire.closed(3_000), /^HTTP\/1\.1 504 /);
});

test("a gate that never answers is given up with 504; one that answers just in time is not", async (t) => {
  const stand = await openStand(t, { answerMs: 300 });
  await stand.gate("silent", () => undefined);
  await stand.gate("late", (_request, response) => setTimeout(() => response.end("late"), 150));
  assert.equal((await fetch(`${stand.url}/d/silent/v1/x`)).status, 504);
  assert.equal((await fetch(`${stand.url}/d/late/v1/x`)).status, 200);
});

test("a client that stops reading is cut, and the gate stops sending to it", async (t) => {
  const stand = await openStand(t, { stallMs: 200 });
  let isGone = false;
  await stand.gate("clerk", (_request, response) => {
    const timer = setInterval(() => response.write(Buffer.alloc(1_000_000)), 5);
    response.on("close", () => {
      clearInterval(timer);
      isGone = true;
    });
  });
  const wire = openWire(stand.port, "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n");
  wire.socket.pause();
  await eventually("the gate noticed", () => isGone);
  await eventually("a record", () => stand.records.length === 1);
  assert.equal(stand.records[0]?.reason, "client_stalled");
  wire.socket.destroy();
});

test("an address has its share of connections; one more is closed at once and the others go on", async (t) => {
  const stand = await openStand(t, { socketsPerClient: 3 });
  await stand.gate("clerk");
  const get = "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n";
  const wires = [1, 2, 3].map(() => openWire(stand.port, get));
  await eventually("three answers", () => wires.every((wire) => wire.text().includes("answered")));
  const fourth = openWire(stand.port);
  assert.match(await fourth.closed(), /^HTTP\/1\.1 429 [^]*too_many_connections/);
  for (const wire of wires) wire.socket.write(get);
  await eventually("three more", () => wires.every((wire) => wire.text().split("answered").length === 3));
  wires[0]?.socket.destroy();
  await wires[0]?.closed();
  let last = openWire(stand.port, get);
  await eventually("a place that was given back is taken", () => {
    if (last.socket.destroyed) last = openWire(stand.port, get);
    return last.text().includes("answered");
  });
  for (const wire of [...wires, last]) wire.socket.destroy();
});

test("webhooks that strangers hold open take no place of those who have a token", async (t) => {
  const stand = await openStand(t, { requestsPerGate: 1, webhooksPerGate: 2 });
  const gate = await stand.gate("clerk", (request, response) =>
    request.resume().on("end", () => response.end("heard")),
  );
  const half = "POST /d/clerk/v1/webhooks?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nx";
  const wires = [1, 2].map(() => openWire(stand.port, half));
  await eventually("two are under way", () => gate.seen.length === 2);
  const third = await fetch(`${stand.url}/d/clerk/v1/webhooks`, { method: "POST", body: "x" });
  assert.equal(((await third.json()) as Problem).type, "urn:ambit:problem:deployment_busy");
  const asked = await fetch(`${stand.url}/d/clerk/v1/messages`, { method: "POST", body: "x" });
  assert.equal(await asked.text(), "heard");
  for (const wire of wires) wire.socket.destroy();
  await eventually("both have ended", () => stand.records.length === 4);
  const again = await fetch(`${stand.url}/d/clerk/v1/webhooks`, { method: "POST", body: "x" });
  assert.equal(await again.text(), "heard");
});

test("a deployment that hangs has its share of requests; one more is refused at once and the others go on", async (t) => {
  const stand = await openStand(t, { requestsPerGate: 3 });
  const held: (() => void)[] = [];
  const hung = await stand.gate("clerk", (_request, response) => void held.push(() => response.end("late")));
  await stand.gate("other");
  const ask = (name: string): Promise<Response> => fetch(`${stand.url}/d/${name}/v1/x`);
  const first = [1, 2, 3].map(() => ask("clerk"));
  await eventually("three are under way", () => held.length === 3);
  for (const method of ["GET", "POST"]) {
    const body = method === "GET" ? null : "x";
    const fourth = await fetch(`${stand.url}/d/clerk/v1/x`, { method, body });
    assert.deepEqual([fourth.status, fourth.headers.get("retry-after")], [503, "1"]);
    assert.equal(((await fourth.json()) as Problem).type, "urn:ambit:problem:deployment_busy");
  }
  assert.equal(await (await ask("other")).text(), "answered");
  assert.equal(hung.seen.length, 3);
  for (const answer of held) answer();
  for (const answer of await Promise.all(first)) assert.equal(await answer.text(), "late");
  const again = ask("clerk");
  await eventually("a place that was given back is taken", () => held.length === 4);
  held.at(-1)?.();
  assert.equal((await again).status, 200);
});

test("over all addresses there is an end too: the connection beyond it is closed and noted", async (t) => {
  const stand = await openStand(t, { sockets: 2 });
  const wires = [1, 2].map(() => openWire(stand.port, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
  await eventually("two answers", () => wires.every((wire) => wire.text().includes("ok")));
  assert.equal(await openWire(stand.port).closed(), "");
  assert.ok(stand.records.some((record) => record.reason === "server_full"));
  for (const wire of wires) wire.socket.destroy();
});
