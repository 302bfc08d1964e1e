import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { setImmediate as nextPass, setTimeout as sleep } from "node:timers/promises";
import { Owners, PacedSocket, paceServer, Turns } from "./paced-socket.ts";

/** Both ends of a connection. */
async function openPair(t: TestContext, allowHalfOpen = false): Promise<[ours: Socket, theirs: Socket]> {
  const server = createTcpServer({ allowHalfOpen }).listen(0, "127.0.0.1");
  const ours = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise((resolve) => server.once("listening", resolve));
  const theirs = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => undefined);
  const pair: [Socket, Socket] = [await ours, theirs];
  t.after(() => {
    for (const socket of pair) socket.destroy();
    server.close();
  });
  return pair;
}

test("one turn is taken in each pass of the event loop, in order, and another owner waits for none of them", async () => {
  const [busy, other] = [new Turns(), new Turns()];
  const done: string[] = [];
  for (const name of ["a", "b", "c"]) busy.wait(() => done.push(name));
  other.wait(() => done.push("other"));
  assert.deepEqual(done, ["a", "other"]);
  await nextPass();
  assert.deepEqual(done, ["a", "other", "b"]);
  await nextPass();
  assert.deepEqual(done, ["a", "other", "b", "c"]);
});

test("what comes in at once is read in pieces of 16 KiB, whole and in order, with its end", async (t) => {
  const [ours, theirs] = await openPair(t);
  const paced = new PacedSocket(ours, new Turns());
  const sent = randomBytes(300_000);
  theirs.end(sent);
  const pieces: Buffer[] = [];
  for await (const piece of paced) pieces.push(piece as Buffer);
  assert.ok(pieces.length >= 300_000 / 16_384);
  assert.ok(Buffer.concat(pieces).equals(sent));
});

test("a reader that stops is not read for, and the sender has to wait", async (t) => {
  const [ours, theirs] = await openPair(t);
  const paced = new PacedSocket(ours, new Turns());
  paced.once("data", () => paced.pause());
  let written = 0;
  const more = (): void => {
    while (theirs.write(Buffer.alloc(65_536))) written += 65_536;
  };
  theirs.on("drain", more);
  more();
  await sleep(200);
  const stalled = written;
  await sleep(100);
  assert.equal(written, stalled);
  paced.resume();
  await sleep(100);
  assert.ok(written > stalled);
});

test("what was written leaves before the end, and a half-open connection still reads", async (t) => {
  const [ours, theirs] = await openPair(t, true);
  const paced = new PacedSocket(ours, new Turns());
  const there = text(theirs);
  paced.cork();
  paced.write("one ");
  paced.write("two ");
  paced.uncork();
  paced.end("three");
  assert.equal(await there, "one two three");
});

test("a connection that is reset is told once and does not end the process", async (t) => {
  const [ours, theirs] = await openPair(t);
  const paced = new PacedSocket(ours, new Turns());
  const closed = new Promise((resolve) => paced.once("close", resolve));
  theirs.resetAndDestroy();
  await closed;
  assert.ok(paced.destroyed && ours.destroyed);
});

test("a connection is quiet until the other side says something or ends", async (t) => {
  for (const act of [(theirs: Socket) => void theirs.write("x"), (theirs: Socket) => void theirs.end()]) {
    const [ours, theirs] = await openPair(t);
    const paced = new PacedSocket(ours, new Turns());
    assert.ok(paced.isQuiet);
    act(theirs);
    await sleep(20);
    assert.ok(!paced.isQuiet);
  }
});

test("an owner is forgotten with its last connection", async (t) => {
  const owners = new Owners();
  const [[first], [second]] = [await openPair(t), await openPair(t)];
  const turnsTaken = (paced: PacedSocket): void => void paced.resume();
  turnsTaken(owners.pace(first, "a"));
  turnsTaken(owners.pace(second, "a"));
  assert.equal(owners.count, 1);
  first.destroy();
  await sleep(10);
  assert.equal(owners.count, 1);
  second.destroy();
  await sleep(10);
  assert.equal(owners.count, 0);
});

test("a time limit that is taken back leaves no listener behind", async (t) => {
  const [ours] = await openPair(t);
  const paced = new PacedSocket(ours, new Turns());
  const late = (): void => undefined;
  paced.setTimeout(1000, late);
  assert.equal(paced.listenerCount("timeout"), 1);
  paced.setTimeout(0, late);
  assert.equal(paced.listenerCount("timeout"), 0);
});

/** A server whose connections are all of one owner; `onData` is called for each piece of a body. */
async function openServer(t: TestContext, path: string, onData: () => void): Promise<void> {
  const turns = new Turns();
  const server = createServer((request, response) => request.on("data", onData).on("end", () => response.end("ok")));
  paceServer(server, (socket) => new PacedSocket(socket, turns));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
}

test("100 connections full of chunks of one byte do not keep another owner's request waiting", async (t) => {
  const id = randomBytes(6).toString("hex");
  const [hostile, calm] = [`\0ambit-paced-${id}-hostile`, `\0ambit-paced-${id}-calm`];
  let pieces = 0;
  await openServer(t, hostile, () => pieces++);
  await openServer(t, calm, () => undefined);
  const chunks = Buffer.from("1\r\nx\r\n".repeat(20_000));
  for (let index = 0; index < 100; index++) {
    const socket = connect({ path: hostile }).on("error", () => undefined);
    t.after(() => socket.destroy());
    socket.write("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
    const more = (): void => void socket.write(chunks);
    socket.on("drain", more);
    more();
  }
  while (pieces === 0) await nextPass();
  const before = pieces;
  const socket = connect({ path: calm });
  t.after(() => socket.destroy());
  socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  assert.match(await text(socket), /200 OK[^]*ok/);
  // A turn reads fewer than 3000; without turns one pass of the event loop reads a million.
  assert.ok(pieces - before < 100_000, `${pieces - before} pieces were read first`);
});
