import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { followLines, maxLineBytes, openLineWriter, openLog } from "./log.ts";

async function lines(...chunks: (string | Buffer)[]): Promise<string[]> {
  const stream = new PassThrough();
  const found: string[] = [];
  followLines(stream, (line) => found.push(line));
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await delay(5);
  return found;
}

test("lines come out whole however they came in, and the last one needs no end", async () => {
  assert.deepEqual(await lines("one\ntw", "o\n\nthree"), ["one", "two", "three"]);
});

test("a line of the limit passes whole, one byte more is cut, and the next line is untouched", async () => {
  const full = "x".repeat(maxLineBytes);
  assert.deepEqual(await lines(`${full}\n`, `${full}y\n`, "next\n"), [full, `${full} [cut]`, "next"]);
});

test("a line that never ends takes no more memory than the limit", async () => {
  const chunks = Array.from({ length: 200 }, () => Buffer.alloc(65_536, "x"));
  const [line = ""] = await lines(...chunks);
  assert.ok(line.length <= maxLineBytes + 6);
});

test("a child cannot write a line that looks like another part's", async () => {
  const out: string[] = [];
  const log = openLog(
    (line) => out.push(line),
    () => 0,
  );
  const stream = new PassThrough();
  log.follow("gate:a", stream);
  stream.end('{"process":"supervisor","event":"ready"}\n\u001b[2Jx\n');
  await delay(5);
  const parsed = out.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    parsed.map(({ process, event }) => [process, event]),
    [
      ["gate:a", undefined],
      ["gate:a", undefined],
    ],
  );
  assert.ok(out.every((line) => !line.includes("\u001b")));
});

test("a flood is cut to the burst and its loss is counted, a quiet neighbour loses nothing", async () => {
  let now = 0;
  const out: { process: string; line?: string; event?: string; count?: number }[] = [];
  const log = openLog(
    (line) => out.push(JSON.parse(line) as (typeof out)[number]),
    () => now,
  );
  const loud = new PassThrough();
  const quiet = new PassThrough();
  log.follow("loud", loud);
  log.follow("quiet", quiet);
  loud.write("shout\n".repeat(1000));
  quiet.write("word\n");
  await delay(5);
  now = 1000;
  loud.write("again\n");
  await delay(5);
  assert.equal(out.filter((line) => line.line === "shout").length, 200);
  assert.deepEqual(
    out.filter((line) => line.event === "lines_dropped").map((line) => line.count),
    [800],
  );
  assert.equal(out.filter((line) => line.process === "quiet").length, 1);
});

test("lines for a reader who stalls are lost beyond the backlog, and the loss is told", async () => {
  const folder = mkdtempSync("/tmp/ambit-log-");
  const path = join(folder, "out");
  const fd = openSync(path, "w");
  const { write } = openLineWriter(fd);
  // Nothing is written before this turn of the loop ends.
  for (let n = 0; n < 3000; n++) write("x".repeat(1000));
  await delay(100);
  write("after");
  await delay(50);
  closeSync(fd);
  const text = readFileSync(path, "utf8").trim().split("\n");
  rmSync(folder, { recursive: true });
  assert.ok(text.length < 1100, String(text.length));
  assert.match(text.at(-2) ?? "", /"log_lines_lost","count":\d+/);
  assert.equal(text.at(-1), "after");
});

test("characters that a terminal obeys, or that turn text round, are written as what they are", () => {
  const written: string[] = [];
  openLog((line) => written.push(line)).event("x", { why: "\u001b[2J \u009b31m \u202eabc \u2028 \u{e0041} fine ü 😀" });
  // oxlint-disable-next-line no-control-regex -- control characters are what this test is about
  assert.doesNotMatch(written[0] ?? "", /[\u0000-\u001f\u007f-\u009f\u2028\u202e\u{e0041}]/u);
  assert.match(written[0] ?? "", /\\u001b\[2J \\u009b31m \\u202eabc \\u2028 \\udb40\\udc41 fine ü 😀/);
  assert.equal(
    (JSON.parse(written[0] ?? "") as { why: string }).why,
    "\u001b[2J \u009b31m \u202eabc \u2028 \u{e0041} fine ü 😀",
  );
});

test("the broker, which speaks for all deployments, is not cut where one gate is", async () => {
  const passed = { broker: 0, "gate:x": 0 };
  const log = openLog((line) => {
    const { process, line: said } = JSON.parse(line) as { process: keyof typeof passed; line?: string };
    if (said !== undefined) passed[process] += 1;
  });
  for (const process of ["broker", "gate:x"] as const) {
    const stream = new PassThrough();
    log.follow(process, stream);
    stream.end("line\n".repeat(900));
    await finished(stream.resume());
  }
  assert.equal(passed.broker, 900);
  assert.ok(passed["gate:x"] < 300, String(passed["gate:x"]));
});
