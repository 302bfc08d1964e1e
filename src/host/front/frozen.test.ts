// Control `workflow`: what the front does with a frozen deployment, whatever its gate does.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Problem } from "../../controls/wire/gate.ts";
import { isFrozen } from "./frozen.ts";
import { eventually, makeGateFolder, openStand, openWire } from "./fixtures/stand.ts";

const mark = (run: string, name = "clerk"): string => join(run, "gates", name, "open");

test("a frozen deployment gets no request at all, its neighbour and the front's health go on, and thawed it is served again", async (t) => {
  const stand = await openStand(t);
  const [gate, other] = [await stand.gate("clerk"), await stand.gate("other")];
  rmSync(mark(stand.run));
  for (const init of [{ method: "GET" }, { method: "HEAD" }, { method: "POST", body: "pay" }]) {
    const answer = await fetch(`${stand.url}/d/clerk/v1/messages`, init);
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, null]);
    if (init.method !== "HEAD") assert.equal(((await answer.json()) as Problem).type, "urn:ambit:problem:frozen");
    assert.deepEqual([stand.records.at(-1)?.reason, stand.records.at(-1)?.deployment], ["frozen", "clerk"]);
  }
  assert.deepEqual([gate.seen.length, gate.connections()], [0, 0]);
  assert.equal((await fetch(`${stand.url}/d/other/v1/x`)).status, 200);
  assert.equal((await fetch(`${stand.url}/healthz`)).status, 200);
  assert.equal(other.seen.length, 1);
  writeFileSync(mark(stand.run), "");
  assert.equal((await fetch(`${stand.url}/d/clerk/v1/x`)).status, 200);
});

test("a request that waited for its gate to start is not passed on when the deployment was frozen meanwhile", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  await gate.kill();
  const url = `${stand.url}/d/clerk/v1/x`;
  const answers = [fetch(url), fetch(url, { method: "POST", body: "pay" })];
  await new Promise((resolve) => setTimeout(resolve, 100));
  rmSync(mark(stand.run));
  await gate.start();
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status }) => status),
    [503, 503],
  );
  assert.equal(gate.seen.length, 0);
});

test("an answer that was under way ends with the freeze: one not begun is refused, one begun is cut", async (t) => {
  const stand = await openStand(t);
  const finish: (() => void)[] = [];
  await stand.gate("clerk", (request, response) => {
    if (request.url === "/v1/begun") response.write("begun");
    finish.push(() => response.end("secret"));
  });
  const later = fetch(`${stand.url}/d/clerk/v1/later`);
  const begun = openWire(stand.port, "GET /d/clerk/v1/begun HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually("both are under way", () => finish.length === 2 && begun.text().includes("begun"));
  rmSync(mark(stand.run));
  for (const end of finish) end();
  assert.equal((await later).status, 503);
  const text = await begun.closed();
  assert.ok(text.includes("begun") && !text.includes("secret"), text);
});

test("a body that was under way is not passed on to its end", async (t) => {
  const stand = await openStand(t);
  const gate = await stand.gate("clerk");
  const head = "POST /d/clerk/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n";
  const wire = openWire(stand.port, `${head}half`);
  await eventually("the first half has come", () => gate.seen[0]?.body === "half");
  rmSync(mark(stand.run));
  wire.socket.write("half");
  await eventually("it is refused", () => wire.text().startsWith("HTTP/1.1 503 "));
  wire.socket.destroy();
  assert.deepEqual([gate.seen[0]?.whole, gate.seen[0]?.body], [false, "half"]);
});

test("only a plain file of that name says open: nothing, a folder, a broken link or a place that cannot be read is no", async (t) => {
  const { run } = await openStand(t);
  makeGateFolder(run, "clerk");
  assert.equal(isFrozen(run, "clerk"), false);
  assert.equal(isFrozen(run, "nobody"), true);
  rmSync(mark(run));
  assert.equal(isFrozen(run, "clerk"), true);
  mkdirSync(mark(run));
  assert.equal(isFrozen(run, "clerk"), true);
  rmSync(mark(run), { recursive: true });
  symlinkSync("/nowhere", mark(run));
  assert.equal(isFrozen(run, "clerk"), true);
  // Longer than a path may be: stat fails in another way than by finding nothing.
  assert.equal(isFrozen(run, "a".repeat(5000)), true);
  writeFileSync(join(run, "gates", "file"), "");
  assert.equal(isFrozen(run, "file"), true);
});
