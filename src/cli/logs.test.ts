import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openLogFile } from "../host/supervisor/log-file.ts";
import { followLogs, readLogs } from "./log-lines.ts";
import { describe, isAbout, since } from "./logs.ts";

const all = (): boolean => true;
const said = (deployment: string) => JSON.stringify({ event: "x", deployment });

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync("/tmp/ambit-logs-");
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "logs");
}

/** Lines; whether each is shown for the deployment `clerk`. */
const twins: ReadonlyArray<readonly [fields: object, about: boolean]> = [
  [{ process: "gate:clerk", line: "anything" }, true],
  [{ process: "gate:clerk2", line: "anything" }, false],
  [{ process: "gate:other", line: said("clerk") }, false],
  [{ process: "front", line: said("clerk") }, true],
  [{ process: "front", line: said("other") }, false],
  [{ process: "front", line: "clerk" }, false],
  [{ process: "broker", line: said("clerk") }, true],
  [{ process: "admin", line: said("clerk") }, false],
  [{ process: "supervisor", event: "part_ended", part: "gate:clerk" }, true],
  [{ process: "supervisor", event: "part_ended", part: "front" }, false],
  [{ process: "supervisor", event: "frozen", deployment: "clerk" }, true],
];
for (const [fields, about] of twins) {
  test(`a line is ${about ? "shown" : "not shown"} for clerk: ${JSON.stringify(fields)}`, () => {
    assert.equal(isAbout("clerk", { ...fields }), about);
  });
}

test("a line is shown without what a terminal obeys", () => {
  const text = describe({ time: "2026-05-03T10:00:00.000Z", process: "gate:clerk", line: "\u001b[2J\u202e" });
  assert.equal(text, "2026-05-03 10:00:00.000Z gate:clerk: \ufffd[2J\ufffd");
});

test("a part's own JSON is shown as words, and its time and name once", () => {
  const line = JSON.stringify({
    ts: "x",
    level: "info",
    process: "broker",
    event: "opened",
    deployment: "clerk",
    n: 1,
  });
  assert.match(describe({ time: "t", process: "broker", line }, "clerk"), /^t broker: opened n=1$/);
  assert.match(describe({ time: "t", process: "broker", line }), /^t broker: opened deployment=clerk n=1$/);
});

test("--since takes how long ago or a time, and nothing else", () => {
  assert.equal(since("10m", 1_000_000), 400_000);
  assert.equal(since("2026-01-01T00:00:00Z", 0), Date.parse("2026-01-01T00:00:00Z"));
  for (const wrong of ["10", "m", "yesterday", "-5m", "5", "2026-99-99"]) {
    assert.throws(() => since(wrong, 0), /--since .*: write 30s/);
  }
});

test("the last lines are read over all files that were put aside, in order", async (t) => {
  const folder = makeFolder(t);
  const write = openLogFile(folder, 10);
  for (let n = 1; n <= 6; n++) write(`line number ${n}`);
  assert.deepEqual((await readLogs(folder, all, 3)).lines, ["line number 4", "line number 5", "line number 6"]);
  assert.deepEqual((await readLogs(folder, (line) => line.endsWith("2"), 3)).lines, ["line number 2"]);
});

test("whoever follows misses and repeats no line when files are put aside and the host starts again", async (t) => {
  const folder = makeFolder(t);
  let write = openLogFile(folder, 400);
  write("before");
  const { lines, mark } = await readLogs(folder, all, 10);
  assert.deepEqual(lines, ["before"]);
  const got: string[] = [];
  const told = new AbortController();
  const following = followLogs(folder, mark, (line) => got.push(line), told.signal);
  const wanted: string[] = [];
  for (let n = 0; n < 60; n++) {
    wanted.push(`line number ${n}`);
    write(`line number ${n}`);
    if (n === 30) write = openLogFile(folder, 400);
    if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  while (got.length < wanted.length) await new Promise((resolve) => setTimeout(resolve, 5));
  told.abort();
  await following;
  assert.deepEqual(got, wanted);
});

test("whoever follows before there is a log gets its first line", async (t) => {
  const folder = makeFolder(t);
  assert.equal((await readLogs(folder, all, 10)).mark, undefined);
  const got: string[] = [];
  const told = new AbortController();
  const following = followLogs(folder, undefined, (line) => (got.push(line), told.abort()), told.signal);
  openLogFile(folder)("first");
  await following;
  assert.deepEqual(got, ["first"]);
});
