// What a test run must never call a success: nothing found, nothing run, died, hung, todo.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runTests, sortEvents, type TestEvent, type TestPlace } from "./test-results.ts";

const head = `import { test } from "node:test";\n`;
const quick = { cwd: tmpdir(), concurrency: 2, timeout: 1_000, fileLimit: 5_000, forceExit: false };
const pass = `test("fine", () => {});\n`;

/** Runs one file with the given text. */
async function runText(t: TestContext, text: string, { forceExit = false, fileLimit = 20_000, timeout = 5_000 } = {}) {
  const cwd = mkdtempSync(join(tmpdir(), "ambit-test-"));
  t.after(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, "a.test.ts"), text);
  return runTests({ cwd, files: ["a.test.ts"], concurrency: 1, timeout, fileLimit, forceExit }, 30_000);
}

test("passes, failures and skips are told apart, with their reasons", async (t) => {
  const text = `${head}${pass}test("bad", () => { throw new Error("because"); });\ntest("not now", { skip: "no root" }, () => {});\n`;
  const { passed, failed, skipped, broken } = await runText(t, text);
  assert.deepEqual(
    passed.map(({ name, line }) => [name, line]),
    [["fine", 2]],
  );
  assert.deepEqual(
    failed.map(({ name, failure }) => [name, failure]),
    [["bad", "testCodeFailure"]],
  );
  assert.match(failed[0]?.message ?? "", /because/);
  assert.deepEqual(
    skipped.map(({ name, reason }) => [name, reason]),
    [["not now", "no root"]],
  );
  assert.deepEqual(broken, []);
});

test("a todo is a failure, whether it passes or not, and so is a failing test inside another one", async (t) => {
  const inner = `test("outer", async (t) => { await t.test("inner", () => { throw new Error("x"); }); });\n`;
  const text = `${head}test("one", { todo: "later" }, () => {});\ntest("two", { todo: true }, () => { throw new Error("x"); });\n${inner}`;
  const { passed, failed } = await runText(t, text);
  assert.deepEqual([passed, failed.map(({ name }) => name)], [[], ["one", "two", "inner", "outer"]]);
});

const nothing: readonly [string, string, RegExp][] = [
  ["does not parse", `${head}${pass}(`, /a\.test\.ts did not run to its end:\n[^]*SyntaxError/],
  [
    "throws before its first test",
    `${head}throw new Error("no database");${pass}`,
    /did not run to its end:\n[^]*no database/,
  ],
  ["ends the process in a test", `${head}test("dies", () => process.exit(3));\n${pass}`, /did not run to its end/],
  ["ends the process with success in a test", `${head}test("dies", () => process.exit(0));\n${pass}`, /a\.test\.ts/],
  ["holds no test", `export const fine = true;`, /a\.test\.ts holds no test/],
];
for (const [name, text, line] of nothing) {
  test(`a file that ${name} is broken and counts for nothing`, async (t) => {
    const { passed, broken } = await runText(t, text);
    assert.deepEqual([passed.length, broken.length], [0, 1]);
    assert.match(broken[0] ?? "", line);
  });
}

test("a missing file is broken", async () => {
  const { broken } = await runTests({ ...quick, files: ["no-such.test.ts"] }, 10_000);
  assert.match(broken.join("\n"), /no-such\.test\.ts/);
});

test("a test that hangs fails by its own timeout; a file that hangs after its tests is stopped, or forced to end", async (t) => {
  const hanging = `${head}${pass}test("hangs", () => new Promise((resolve) => setTimeout(resolve, 60_000)));\n`;
  const stopped = await runText(t, hanging, { timeout: 300, fileLimit: 3_000 });
  assert.deepEqual(
    stopped.failed.map(({ failure }) => failure),
    ["testTimeoutFailure"],
  );
  assert.match(stopped.broken[0] ?? "", /a\.test\.ts had not ended after 3 s and was stopped/);
  const forced = await runText(t, hanging, { timeout: 300, forceExit: true });
  assert.deepEqual([forced.passed.length, forced.failed.length, forced.broken], [1, 1, []]);
});

test("a file that hangs does not take the others with it", async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), "ambit-test-"));
  t.after(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, "a.test.ts"), `${head}${pass}setInterval(() => {}, 1000);\n`);
  for (const name of ["b", "c", "d"]) writeFileSync(join(cwd, `${name}.test.ts`), head + pass);
  const files = ["a.test.ts", "b.test.ts", "c.test.ts", "d.test.ts"];
  const { passed, broken } = await runTests({ ...quick, cwd, files, fileLimit: 2_500 }, 20_000);
  assert.equal(passed.length, 4);
  assert.deepEqual(broken, ["a.test.ts had not ended after 2.5 s and was stopped"]);
});

test("files that share a process are told apart: one that fails, does not load, holds no test or prints is that one alone", async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), "ambit-test-"));
  t.after(() => rmSync(cwd, { recursive: true }));
  const texts = {
    "a.test.ts": `${head}console.log("printed");\n${pass}`,
    "b.test.ts": `${head}import { nothing } from "./not-there.ts";\n${pass}`,
    "c.test.ts": `${head}test("bad", () => { throw new Error("because"); });\n`,
    "d.test.ts": "export const fine = true;",
    "e.test.ts": head + pass,
  };
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(cwd, name), text);
  const files = Object.keys(texts);
  const { passed, failed, broken } = await runTests({ ...quick, cwd, files, together: true }, 20_000);
  const places = (all: readonly TestPlace[]): string[] => all.map(({ file, name }) => `${file.slice(-9)} ${name}`);
  assert.deepEqual([places(passed), places(failed)], [["a.test.ts fine", "e.test.ts fine"], ["c.test.ts bad"]]);
  assert.match(broken[0] ?? "", /^b\.test\.ts did not run to its end:\n[^]*not-there\.ts/);
  assert.deepEqual(broken.slice(1), ["d.test.ts holds no test"]);
  writeFileSync(join(cwd, "c.test.ts"), `${head}test("dies", () => process.exit(0));`);
  const died = await runTests(
    { ...quick, cwd, files: ["a.test.ts", "c.test.ts", "e.test.ts"], together: true },
    20_000,
  );
  assert.match(died.broken.join(), /the test run ended before its tests did/);
});

test("what outlives the whole limit is ended, with all it started", async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), "ambit-test-"));
  t.after(() => rmSync(cwd, { recursive: true }));
  const text = `import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
${head}test("leaves", () => writeFileSync("pid", String(spawn("sleep", ["600"]).pid)));
setInterval(() => {}, 1000);
`;
  writeFileSync(join(cwd, "a.test.ts"), text);
  const { broken } = await runTests({ ...quick, cwd, files: ["a.test.ts"], fileLimit: 60_000 }, 2_000);
  assert.match(broken[0] ?? "", /took more than 2 s and were stopped/);
  const pid = Number(readFileSync(join(cwd, "pid"), "utf8"));
  assert.ok(pid > 0);
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(20);
  assert.equal(isAlive(pid), false);
});

test("a run that stops talking before its end is broken, even when all it said was good", () => {
  const place = { name: "fine", file: "/x/a.test.ts", line: 1 };
  const said: TestEvent[] = [{ kind: "pass", ...place }];
  const request = { cwd: "/x", files: ["a.test.ts"], fileLimit: 1 };
  assert.deepEqual(sortEvents(request, [...said, { kind: "end" }], []).broken, []);
  assert.deepEqual(sortEvents(request, said, []).broken, ["the test run ended before its tests did"]);
});

/** False also for a process that has ended and that nobody has buried yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
