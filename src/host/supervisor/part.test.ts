import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, until, type LogLine } from "./fixtures/stand.ts";
import { openLog } from "./log.ts";
import { backoffMs, partTimes, type PartTimes } from "./part-times.ts";
import { Part, type PartSpec } from "./part.ts";
import { Slots } from "./slots.ts";

const scratch = mkdtempSync("/tmp/ambit-part-");
const made: Part[] = [];
after(async () => {
  await Promise.all(made.map((part) => part.stop()));
  rmSync(scratch, { recursive: true });
});
let number = 0;
const quick: PartTimes = {
  readyMs: 1000,
  slotMs: 1000,
  probeEveryMs: 20,
  probeMs: 50,
  firstBackoffMs: 20,
  lastBackoffMs: 80,
  calmMs: 10_000,
  memoryEveryMs: 20,
};

/** A part that runs a shell script; it is well while its file `well` exists. */
function makePart(script: string, more: Partial<PartSpec> = {}, times = quick, slots: Slots | null = null) {
  const folder = join(scratch, String(number++));
  const lines: LogLine[] = [];
  const log = openLog((line) => lines.push(JSON.parse(line) as LogLine));
  const well = `${folder}.well`;
  const spec: PartSpec = {
    name: "test",
    uid: 0,
    graceMs: 200,
    start: () => spawn("/bin/sh", ["-c", script, "sh", well], { stdio: ["ignore", "pipe", "pipe"], detached: true }),
    probe: () => (existsSync(well) ? Promise.resolve() : Promise.reject(new Error("ill"))),
    terminate: (pid) => {
      try {
        process.kill(pid, "SIGTERM");
      } catch {
        // It has ended.
      }
    },
    clear: () => Promise.resolve(),
    polledMemory: () => null,
    ...more,
  };
  const part = new Part(spec, log, slots, times);
  made.push(part);
  const count = (event: string): number => lines.filter((line) => line.event === event).length;
  return { part, lines, count };
}

test("waits double from 100 ms up to 5 s and no further", () => {
  const waits = Array.from({ length: 8 }, (_, failures) => backoffMs(failures));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  assert.equal(backoffMs(10_000), partTimes.lastBackoffMs);
});

test("a part that was well and dies is started again, one that is stopped is not", async () => {
  const { part, count } = makePart('touch "$1"; exec sleep 60');
  await part.start().ready();
  const first = part.pid ?? -1;
  process.kill(first, "SIGKILL");
  const second = await until("a second life", () =>
    part.state === "ready" && part.pid !== first ? (part.pid ?? false) : false,
  );
  assert.equal(part.restarts, 1);
  await part.stop();
  await delay(150);
  assert.equal(isAlive(second), false);
  assert.deepEqual([part.state, part.pid, count("part_started")], ["stopped", null, 2]);
});

test("a part that dies at once waits longer each time, and says its last words to whoever waits for it", async () => {
  const { part, lines } = makePart("echo 'port 1 is in use' >&2; exit 1");
  await assert.rejects(part.start().ready(), /ended before it was ready: port 1 is in use/);
  await until("some lives", () => lines.filter((line) => line.event === "part_started").length >= 4);
  await part.stop();
  const times = lines
    .filter((line) => line.event === "part_started")
    .map((line) => Date.parse((line as { time?: string }).time ?? ""));
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  assert.ok((gaps[0] ?? 0) >= 20 && (gaps[2] ?? 0) >= 80, gaps.join(" "));
});

test("last words that are JSON are told as the error in them", async () => {
  const { part } = makePart(`echo '{"event":"start_failed","error":"the key is gone"}'; exit 1`);
  await assert.rejects(part.start().ready(), /ended before it was ready: the key is gone$/);
  await part.stop();
});

test("a part that never becomes well is killed after its time and started again", async () => {
  const { part, count } = makePart("exec sleep 60", {}, { ...quick, readyMs: 100 });
  await assert.rejects(part.start().ready(), /not ready after 100 ms/);
  await until("a second life", () => count("part_started") >= 2);
  await part.stop();
});

test("a part is killed after two failed checks in a row and not after one", async () => {
  let failures = 0;
  const probe = (): Promise<void> => (failures-- > 0 ? Promise.reject(new Error("ill")) : Promise.resolve());
  const { part, count } = makePart("exec sleep 60", { probe });
  await part.start().ready();
  failures = 1;
  await delay(200);
  assert.equal(count("part_killed"), 0);
  failures = 2;
  await until("killed", () => count("part_killed") === 1);
  await part.stop();
});

test("memory above the limit is a kill where it is polled, memory below is not", async () => {
  // The shell keeps what it reads: 32 MiB of its own.
  const eat = 'touch "$1"; x=$(head -c 33554432 /dev/zero | tr "\\0" x); sleep 60; echo "$x"';
  for (const [limit, kills] of [
    [8 << 20, 1],
    [1 << 30, 0],
  ] as const) {
    const { part, count } = makePart(
      eat,
      { polledMemory: () => limit },
      { ...quick, firstBackoffMs: 60_000, lastBackoffMs: 60_000 },
    );
    await part.start().ready();
    await delay(700);
    assert.equal(count("part_killed"), kills);
    await part.stop();
  }
});

test("a part that does not listen to being asked is killed when its grace is over", async () => {
  const { part } = makePart('trap "" TERM; touch "$1"; while :; do sleep 1; done');
  await part.start().ready();
  const pid = part.pid ?? -1;
  const began = performance.now();
  await part.stop();
  assert.equal(isAlive(pid), false);
  assert.ok(performance.now() - began >= 190);
});

test("no life begins before what the last one left is gone", async () => {
  let blocked = false;
  const clear = (): Promise<void> => (blocked ? Promise.reject(new Error("still there")) : Promise.resolve());
  const { part, count } = makePart('touch "$1"; exec sleep 60', { clear });
  await part.start().ready();
  blocked = true;
  process.kill(part.pid ?? -1, "SIGKILL");
  await until("it is refused", () => count("part_not_started") >= 2);
  assert.equal(count("part_started"), 1);
  blocked = false;
  await until("a second life", () => count("part_started") === 2);
  await part.stop();
});

test("a program that cannot be started is told and tried again", async () => {
  const { part, count } = makePart("", {
    start: () => spawn("/nonexistent/program", { stdio: ["ignore", "pipe", "pipe"] }),
  });
  await assert.rejects(part.start().ready(), /ended before it was ready/);
  await until("tried again", () => count("part_ended") >= 2);
  await part.stop();
});

test("with one slot parts start one after another, and a part that never gets well does not hold it for ever", async () => {
  const slots = new Slots(1);
  const stuck = makePart("exec sleep 60", {}, { ...quick, readyMs: 300 }, slots);
  const next = makePart('touch "$1"; exec sleep 60', {}, quick, slots);
  stuck.part.start();
  next.part.start();
  await delay(100);
  assert.equal(next.count("part_started"), 0);
  await next.part.ready();
  await Promise.all([stuck.part.stop(), next.part.stop()]);
});

test("a part that takes long to get well gives its slot to others long before it is given up", async () => {
  const slots = new Slots(1);
  const stuck = makePart("exec sleep 60", {}, { ...quick, readyMs: 20_000, slotMs: 100 }, slots);
  const next = makePart('touch "$1"; exec sleep 60', {}, quick, slots);
  stuck.part.start();
  next.part.start();
  await next.part.ready();
  assert.equal(stuck.part.state, "starting");
  await Promise.all([stuck.part.stop(), next.part.stop()]);
});

test("who waits for a part to be ready is told each time it is", async () => {
  let told = 0;
  const { part } = makePart('touch "$1"; exec sleep 60', { onReady: () => void told++ });
  await part.start().ready();
  assert.equal(told, 1);
  process.kill(part.pid ?? -1, "SIGKILL");
  await until("told again", () => told === 2);
  await part.stop();
});
