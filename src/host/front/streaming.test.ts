// Control `runtime`: what passes through is never collected here. Each piece arrives before the next one is sent, and the
// slower side sets the pace.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, makeGateFolder, openStand, openWire } from "./fixtures/stand.ts";

test("each piece of an answer arrives before the gate sends the next", async (t) => {
  const stand = await openStand(t);
  let next: (() => void) | undefined;
  await stand.gate("clerk", (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    let count = 0;
    next = () => (count < 3 ? response.write(`data: ${count++}\n\n`) : response.end());
    response.flushHeaders();
  });
  for (const asked of [{}, { method: "POST", body: `{"stream":true}` }]) {
    const answer = await fetch(`${stand.url}/d/clerk/v1/x`, asked);
    const reader = (answer.body ?? assert.fail()).getReader();
    for (let count = 0; count < 3; count++) {
      next?.();
      const { value } = await reader.read();
      assert.equal(new TextDecoder().decode(value), `data: ${count}\n\n`);
    }
    next?.();
    assert.equal((await reader.read()).done, true);
  }
});

test("each piece of a request arrives before the client sends the next", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk", (request, response) => request.on("end", () => response.end("whole")));
  const head = "POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  const wire = openWire(stand.port, head);
  for (const [piece, sofar] of [
    ["abc", "abc"],
    ["def", "abcdef"],
  ]) {
    wire.socket.write(`3\r\n${piece}\r\n`);
    await eventually(`the gate has ${sofar}`, () => gate.seen[0]?.body === sofar);
  }
  wire.socket.write("0\r\n\r\n");
  assert.match(await wire.closed(), /whole/);
});

test("a client that pauses holds the gate back; what waits here is bounded and nothing is lost", async (t) => {
  const stand = await openStand(t);
  const total = 64 * 1_048_576;
  let written = 0;
  await stand.gate("clerk", (_request, response) => {
    const more = (): void => {
      while (written < total) {
        written += 65_536;
        if (!response.write(Buffer.alloc(65_536, 97))) return void response.once("drain", more);
      }
      response.end();
    };
    more();
  });
  const before = process.memoryUsage().arrayBuffers;
  const wire = openWire(stand.port, "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  let received = 0;
  wire.socket.removeAllListeners("data");
  wire.socket.on("data", (chunk) => (received += chunk.length)).pause();
  await eventually("the first pieces", () => written > 0);
  await sleep(300);
  const held = written;
  assert.ok(held < total / 2, `the gate wrote ${held} bytes to a client that reads nothing`);
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1_048_576);
  wire.socket.resume();
  await wire.closed(20_000);
  assert.ok(received > total);
});

test("a client that leaves stops the request at the gate", async (t) => {
  const stand = await openStand(t);
  let isStopped = false;
  const gate = await stand.gate("clerk", (_request, response) => response.on("close", () => (isStopped = true)));
  const wire = openWire(stand.port, "GET /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually("the gate has it", () => gate.seen.length === 1);
  wire.socket.destroy();
  await eventually("the gate is told", () => isStopped);
  await eventually("a record", () => stand.records.length === 1);
  assert.deepEqual([stand.records[0]?.status, stand.records[0]?.reason], [499, "client_left"]);
});

test("a gate that refuses before it has read the body is always heard, and never gets the body", async (t) => {
  const stand = await openStand(t, { lingerMs: 100 });
  makeGateFolder(stand.run, "clerk");
  let most = 0;
  // As workerd does: it answers as soon as it has the head, and closes.
  const gate = createServer({ allowHalfOpen: true }, (socket) => {
    let got = 0;
    socket.on("data", (chunk) => (most = Math.max(most, (got += chunk.length))));
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
      setTimeout(() => socket.destroy(), 5);
    });
  });
  await new Promise<void>((resolve) => gate.listen(join(stand.run, "gates", "clerk", "in.sock"), resolve));
  t.after(() => gate.close());
  const head = "POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
  for (let turn = 0; turn < 20; turn++) {
    const text = await openWire(stand.port, head + "a".repeat(1_000_000)).closed();
    assert.match(text, /^HTTP\/1\.1 401 [^]*connection: close[^]*no$/i);
  }
  assert.ok(most < 1000, `the gate was sent ${most} bytes`);
});

test("a HEAD answer and one without content end where they should", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk", (request, response) => {
    if (request.method === "HEAD") response.writeHead(200, { "content-length": "5" }).end();
    else response.writeHead(204).end();
  });
  const head = "HEAD /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\n\r\n";
  const wire = openWire(stand.port, head);
  await eventually("the first answer", () => wire.text().includes("\r\n\r\n"));
  wire.socket.write(head.replace("HEAD", "GET"));
  await eventually("the second answer", () => wire.text().includes("HTTP/1.1 204"));
  assert.match(wire.text(), /content-length: 5/i);
  wire.socket.destroy();
});
