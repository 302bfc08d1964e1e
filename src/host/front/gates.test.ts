// Control `runtime`: a gate may be killed and come back at any moment. A caller waits a little or is told, and no request
// is sent to a gate twice. Longer than 300 lines because each moment of a kill is one test.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { findGate } from "./gates.ts";
import { eventually, makeGateFolder, openStand, openWire, type Stand } from "./fixtures/stand.ts";

const post = { method: "POST", body: "pay once" };

test("a gate that comes back within two seconds costs a caller a wait and nothing else", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  await gate.kill();
  const answers = [fetch(`${stand.url}/d/clerk/v1/x`), fetch(`${stand.url}/d/clerk/v1/messages`, post)];
  await sleep(300);
  await gate.start();
  assert.deepEqual(
    (await Promise.all(answers)).map((answer) => answer.status),
    [200, 200],
  );
  assert.deepEqual(gate.seen.map((seen) => seen.method).toSorted(), ["GET", "POST"]);
  assert.equal(gate.seen.find((seen) => seen.method === "POST")?.body, post.body);
});

test("a gate that gives way to the next release is waited for longer, for as long as the supervisor says so", async (t) => {
  const stand = await openStand(t, { connectMs: 50, switchMs: 5000 });
  const mark = join(makeGateFolder(stand.run, "clerk"), "switching");
  writeFileSync(mark, "");
  const waiting = fetch(`${stand.url}/d/clerk/v1/messages`, post);
  await sleep(300);
  await stand.gate("clerk");
  assert.equal((await waiting).status, 200);
  makeGateFolder(stand.run, "other");
  assert.equal((await fetch(`${stand.url}/d/other/v1/messages`, post)).status, 503);
});

test("a gate that stays away is 503 with Retry-After, whether its socket is missing or dead", async (t) => {
  const stand = await openStand(t, { connectMs: 200 });
  makeGateFolder(stand.run, "missing");
  await killedListener(t, makeGateFolder(stand.run, "dead"));
  for (const [name, cause] of [
    ["missing", "ENOENT"],
    ["dead", "ECONNREFUSED"],
  ]) {
    const started = performance.now();
    const answer = await fetch(`${stand.url}/d/${name}/v1/messages`, post);
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
    assert.ok(performance.now() - started > 150);
    assert.equal(stand.records.at(-1)?.cause, cause);
  }
});

test("a gate killed after the request went out is 502, and the request is not sent again when it is back", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk", () => undefined);
  for (const init of [post, { method: "GET" }]) {
    const seen = gate.seen.length;
    const answer = fetch(`${stand.url}/d/clerk/v1/x`, init);
    await eventually("the gate has it", () => gate.seen.length === seen + 1);
    await gate.kill();
    await gate.start();
    assert.equal((await answer).status, 502);
    await sleep(100);
    assert.equal(gate.seen.length, seen + 1);
  }
});

test("a gate that closes before it asked for a body has read none of it: the request goes once more, to whoever listens then", async (t) => {
  const stand = await openStand(t);
  const path = join(makeGateFolder(stand.run, "leaving"), "in.sock");
  let heads = 0;
  const leaving = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      heads++;
      socket.destroy();
      if (heads === 1) leaving.close();
    });
  }).listen(path);
  await once(leaving, "listening");
  const answer = fetch(`${stand.url}/d/leaving/v1/messages`, post);
  await eventually("the first one has closed", () => heads === 1 && !leaving.listening);
  const gate = await stand.gate("leaving");
  assert.equal((await answer).status, 200);
  assert.deepEqual(
    gate.seen.map(({ body }) => body),
    [post.body],
  );
});

test("a gate that closes twice before it asked for a body is 502", async (t) => {
  const stand = await openStand(t);
  const path = join(makeGateFolder(stand.run, "shy"), "in.sock");
  let heads = 0;
  const shy = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => (heads++, socket.destroy()));
  }).listen(path);
  t.after(() => shy.close());
  await once(shy, "listening");
  assert.equal((await fetch(`${stand.url}/d/shy/v1/messages`, post)).status, 502);
  assert.equal(heads, 2);
});

test("a kept connection is not used again once another socket stands under the path", async (t) => {
  const stand = await openStand(t);
  const old = await stand.gate("moved", (_request, response) => response.end("old"));
  const ask = async (): Promise<string> => (await fetch(`${stand.url}/d/moved/v1/x`)).text();
  assert.deepEqual([await ask(), await ask(), old.connections()], ["old", "old", 1]);
  const path = join(stand.run, "gates", "moved", "in.sock");
  renameSync(path, `${path}.away`);
  const next = createHttpServer((_request, response) => response.end("next")).listen(path);
  t.after(() => next.close());
  await once(next, "listening");
  assert.equal(await ask(), "next");
});

test("a gate killed while a body is on its way to it is 502, and what the client sends after that goes nowhere", async (t) => {
  const stand = await openStand(t, { lingerMs: 50 });
  const gate = await stand.gate("clerk", () => undefined);
  let killed: Promise<void> | undefined;
  // Killed in the turn in which the front has the second part in its hand: it finds out by writing.
  stand.front.server.prependListener("request", (request) => {
    request.socket.prependListener("data", (bytes: Buffer) => {
      if (bytes.includes("all")) killed ??= gate.kill();
    });
  });
  const head = "POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const wire = openWire(stand.port, `${head}3\r\npay\r\n`);
  await eventually("the gate has a part", () => gate.seen[0]?.body === "pay");
  wire.socket.write("3\r\nall\r\n0\r\n\r\n");
  await eventually("the gate was killed", () => killed !== undefined);
  await killed;
  await gate.start();
  await eventually("an answer", () => wire.text().includes("}"));
  assert.match(wire.text(), /^HTTP\/1\.1 502 /);
  wire.socket.destroy();
  await sleep(100);
  assert.deepEqual(
    gate.seen.map(({ body, whole }) => [body, whole]),
    [["pay", false]],
  );
});

test("a gate killed in the middle of its answer cuts the client's connection: half never looks whole", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk", (_request, response) => void response.write("half"));
  const answer = await fetch(`${stand.url}/d/clerk/v1/x`);
  await gate.kill();
  await assert.rejects(answer.text());
  await eventually("a record", () => stand.records.length === 1);
  assert.equal(stand.records[0]?.reason, "answer_cut");
});

test("reads share a kept connection, and each request with a body has one of its own", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  for (let turn = 0; turn < 5; turn++) await (await fetch(`${stand.url}/d/clerk/v1/x`)).text();
  assert.equal(gate.connections(), 1);
  for (let turn = 0; turn < 5; turn++) await (await fetch(`${stand.url}/d/clerk/v1/x`, post)).text();
  assert.equal(gate.connections(), 6);
});

test("a kept connection is closed before the gate could close it; one that is waiting for an answer is not", async (t) => {
  const stand = await openStand(t, { gateIdleMs: 100 });
  let delay = 300;
  const gate = await stand.gate("clerk", (_request, response) => setTimeout(() => response.end("x"), delay));
  assert.equal(await read(stand), 200);
  assert.deepEqual([gate.seen.length, gate.connections()], [1, 1]);
  delay = 0;
  assert.equal(await read(stand), 200);
  assert.equal(gate.connections(), 1);
  await sleep(300);
  assert.equal(await read(stand), 200);
  assert.equal(gate.connections(), 2);
});

test("a kept connection of one deployment is never used for another", async (t) => {
  const stand = await openStand(t);
  await stand.gate("clerk-a", (_request, response) => response.end("a"));
  await stand.gate("clerk-b", (_request, response) => response.end("b"));
  for (const name of ["a", "b", "a", "b"]) {
    assert.equal(await (await fetch(`${stand.url}/d/clerk-${name}/v1/x`)).text(), name);
  }
});

test("a gate restarted between reads costs no caller a request, even when its death had no time to be noticed", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  let killed: Promise<void> | undefined;
  assert.equal(await read(stand), 200);
  // Within the turn of the event loop in which the front takes the kept connection: no end of file was read yet.
  stand.front.server.prependListener("request", () => (killed ??= gate.kill()));
  const answer = read(stand);
  await eventually("the gate was killed", () => killed !== undefined);
  await killed;
  await gate.start();
  assert.equal(await answer, 200);
  assert.deepEqual([gate.seen.length, gate.connections()], [2, 2]);
});

test("a kept connection that was closed while nobody used it is not used again", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  for (let turn = 0; turn < 20; turn++) {
    assert.equal(await read(stand), 200);
    await gate.kill();
    await gate.start();
  }
  assert.equal(gate.seen.length, 20);
});

test("a gate process killed by SIGKILL 10 times under load: every answer is 200 or 502, and none came twice", async (t) => {
  const stand = await openStand(t);
  const folder = makeGateFolder(stand.run, "clerk");
  const log = join(stand.run, "seen.log");
  let gate = startGateProcess(t, folder, log);
  let isOver = false;
  let sent = 0;
  const statuses: number[] = [];
  const load = [0, 1, 2, 3].map(async () => {
    while (!isOver) {
      const id = ++sent;
      const init = id % 2 === 0 ? { method: "POST", body: String(id) } : {};
      const answer = await fetch(`${stand.url}/d/clerk/v1/n/${id}`, init);
      await answer.arrayBuffer();
      statuses.push(answer.status);
      await sleep(2);
    }
  });
  const answered = () => statuses.filter((status) => status === 200).length;
  for (let kill = 0; kill < 10; kill++) {
    const before = answered();
    while (answered() < before + 6) await sleep(20);
    gate.kill("SIGKILL");
    gate = startGateProcess(t, folder, log);
  }
  const before = answered();
  while (answered() < before + 6) await sleep(20);
  isOver = true;
  await Promise.all(load);
  const seen = readFileSync(log, "utf8").trim().split("\n");
  assert.equal(new Set(seen).size, seen.length, "a request reached a gate twice");
  const others = stand.records.filter(({ status }) => status !== 200 && status !== 502);
  assert.deepEqual(
    others.map(({ status, cause, ms }) => ({ status, cause, ms })),
    [],
  );
  const broken = statuses.filter((status) => status === 502).length;
  assert.ok(broken <= 4 * 10, `${broken} of ${statuses.length} were 502`);
  assert.ok(seen.length > 50);
});

test("a deployment whose socket path would be cut is not found: never the gate of a shorter name", () => {
  const run = mkdtempSync(join(tmpdir(), "ambit-front-"));
  const roomFor = 107 - Buffer.byteLength(join(run, "gates", "in.sock")) - 1;
  const deep = join(run, "d".repeat(roomFor - 41));
  for (const name of ["a".repeat(39), "a".repeat(40), "a".repeat(41)]) {
    mkdirSync(join(deep, "gates", name), { recursive: true });
  }
  assert.ok(findGate(deep, "a".repeat(40)) !== null);
  assert.equal(findGate(deep, "a".repeat(41)), null);
  assert.equal(findGate(deep, "b".repeat(40)), null);
  rmSync(run, { recursive: true });
});

async function read(stand: Stand): Promise<number> {
  const answer = await fetch(`${stand.url}/d/clerk/v1/x`);
  await answer.arrayBuffer();
  return answer.status;
}

/** A gate in a process of its own that notes each request before it answers. */
function startGateProcess(t: TestContext, folder: string, log: string): ChildProcess {
  const program = `
    const { createServer } = require("node:http"), { appendFileSync, rmSync } = require("node:fs");
    const path = ${JSON.stringify(join(folder, "in.sock"))};
    rmSync(path, { force: true });
    createServer((request, response) => {
      appendFileSync(${JSON.stringify(log)}, request.url + "\\n");
      request.resume().on("end", () => response.end("x"));
    }).listen(path);`;
  const child = spawn(process.execPath, ["-e", program], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** Leaves a socket on which nobody listens any more. */
async function killedListener(t: TestContext, folder: string): Promise<void> {
  const child = startGateProcess(t, folder, join(folder, "log"));
  await eventually("a listener", () => findSocket(folder));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
}

function findSocket(folder: string): boolean {
  return readFileSync("/proc/net/unix", "utf8").includes(join(folder, "in.sock"));
}

test("a client that repeats by itself is told not to where a message without a key may have been taken in", async (t) => {
  const stand = await openStand(t, { answerMs: 200 });
  await stand.gate("clerk", (request, response) => {
    if (request.url === "/v1/cut") request.resume().on("end", () => response.destroy());
  });
  const ask = async (path: string, method: string, key: Record<string, string> = {}) => {
    const body = method === "POST" ? "x" : null;
    const answer = await fetch(`${stand.url}/d/clerk/v1/${path}`, { method, body, headers: key });
    return [answer.status, answer.headers.get("x-should-retry")];
  };
  assert.deepEqual(await ask("cut", "POST"), [502, "false"]);
  assert.deepEqual(await ask("hang", "POST"), [504, "false"]);
  assert.deepEqual(await ask("cut", "POST", { "idempotency-key": "k" }), [502, null]);
  assert.deepEqual(await ask("cut", "GET"), [502, null]);
});
