import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { maxSocketPathBytes, openDoor } from "./door.ts";
import { ask } from "./fixtures/harness.ts";

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "ab-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a socket path of 108 bytes is refused, one of 107 is opened under its whole name", async (t) => {
  const folder = makeFolder(t);
  const pathOf = (bytes: number): string => join(folder, "a".repeat(bytes - Buffer.byteLength(folder) - 1));
  const door = await openDoor(pathOf(maxSocketPathBytes), 0o666, (_request, response) => response.end("ok"));
  t.after(() => door.close());
  assert.equal((await ask(pathOf(maxSocketPathBytes), "http://x/")).body, "ok");
  await assert.rejects(
    openDoor(pathOf(maxSocketPathBytes + 1), 0o666, () => undefined),
    /108 bytes, a socket path may have 107/,
  );
});

test("a stale socket is replaced and a door that was replaced notices", async (t) => {
  const path = join(makeFolder(t), "door.sock");
  const stale = createServer();
  await new Promise<void>((resolve) => stale.listen(path, resolve));
  t.after(() => stale.close());
  const door = await openDoor(path, 0o666, (_request, response) => response.end("new"));
  t.after(() => door.close());
  assert.equal((await ask(path, "http://x/")).body, "new");
  assert.ok(door.isInPlace());
  rmSync(path);
  assert.ok(!door.isInPlace());
});

test("headers over 16 KiB and bytes that are not HTTP are refused, and the door stays open", async (t) => {
  const path = join(makeFolder(t), "door.sock");
  const door = await openDoor(path, 0o666, (_request, response) => response.end("ok"));
  t.after(() => door.close());
  const status = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(path, () => socket.write(text));
      socket
        .once("data", (piece) => resolve(String(piece).slice(9, 12)))
        .on("error", () => resolve("reset"))
        .on("close", () => resolve("closed"));
    });
  assert.equal(await status(`GET http://x/ HTTP/1.1\r\nx: ${"a".repeat(17_000)}\r\n\r\n`), "431");
  assert.equal(await status("hello\r\n\r\n"), "400");
  assert.equal(
    await status("GET http://x/ HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    "400",
  );
  assert.equal(await status("GET http://x/ HTTP/1.1\r\n\r\n"), "200");
});

test("an idle connection is not closed by the door, and closing the door does not wait for it", async (t) => {
  const path = join(makeFolder(t), "door.sock");
  let release = (): void => undefined;
  const door = await openDoor(path, 0o666, (request, response) =>
    request.url === "http://x/slow" ? (release = () => response.end("slow")) : response.end("ok"),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  assert.equal((await ask(path, "http://x/", { agent })).headers["keep-alive"], undefined);
  await new Promise((resolve) => setTimeout(resolve, 6000));
  assert.equal((await ask(path, "http://x/", { agent })).body, "ok");
  const slow = ask(path, "http://x/slow", { agent });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const closed = door.close();
  await assert.rejects(ask(path, "http://x/"));
  release();
  assert.equal((await slow).body, "slow");
  await closed;
});

test("a second request before the first was answered cuts its connection, one after it does not", async (t) => {
  const path = join(makeFolder(t), "door.sock");
  let served = 0;
  const door = await openDoor(path, 0o666, (_request, response) => {
    served += 1;
    setTimeout(() => response.end("ok"), 20);
  });
  t.after(() => door.close());
  const request = "GET http://x/ HTTP/1.1\r\n\r\n";
  const socket = connect(path, () => socket.write(request.repeat(1000)));
  let answer = "";
  socket.on("data", (piece) => (answer += String(piece))).on("error", () => undefined);
  await new Promise((resolve) => socket.once("close", resolve));
  assert.deepEqual([served, answer], [1, ""]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let index = 0; index < 3; index++) assert.equal((await ask(path, "http://x/", { agent })).body, "ok");
  assert.equal(served, 4);
});

test("a connection that carries many requests gathers no listeners", async (t) => {
  const path = join(makeFolder(t), "door.sock");
  const counts = new Set<number>();
  const door = await openDoor(path, 0o666, (request, response) => {
    counts.add(request.socket.eventNames().reduce((sum, name) => sum + request.socket.listenerCount(name), 0));
    request.resume().on("end", () => response.end("ok"));
  });
  t.after(() => door.close());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  for (let index = 0; index < 50; index++) await ask(path, "http://x/", { agent, method: "POST", body: "x" });
  assert.equal(counts.size, 1);
});
