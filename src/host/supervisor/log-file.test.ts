import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { files, logPath, openLogFile } from "./log-file.ts";

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync("/tmp/ambit-log-file-");
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "logs");
}

test("nobody else can read what was said", (t) => {
  const folder = makeFolder(t);
  openLogFile(folder)("one");
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(logPath(folder, 0)).mode & 0o777, 0o600);
});

test("a file of the limit is put aside before the next line, one byte less is written on", (t) => {
  const folder = makeFolder(t);
  const write = openLogFile(folder, 20);
  write("x".repeat(18));
  write("second");
  assert.equal(readFileSync(logPath(folder, 0), "utf8"), `${"x".repeat(18)}\nsecond\n`);
  write("third");
  assert.equal(readFileSync(logPath(folder, 0), "utf8"), "third\n");
  assert.equal(readFileSync(logPath(folder, 1), "utf8"), `${"x".repeat(18)}\nsecond\n`);
});

test("a flood leaves so many files and no more", (t) => {
  const folder = makeFolder(t);
  const write = openLogFile(folder, 10);
  for (let n = 0; n < 100; n++) write(`line ${n} and more`);
  assert.equal(readdirSync(folder).length, files);
  assert.match(readFileSync(logPath(folder, files - 1), "utf8"), /^line 95/);
  assert.ok(!existsSync(logPath(folder, files)));
});

test("a host that starts again goes on with the file that is there", (t) => {
  const folder = makeFolder(t);
  openLogFile(folder)("before");
  openLogFile(folder)("after");
  assert.equal(readFileSync(logPath(folder, 0), "utf8"), "before\nafter\n");
});
