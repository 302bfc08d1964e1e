import assert from "node:assert/strict";
import { test } from "node:test";
import { limitLog, openLog } from "./log.ts";

test("a line is one JSON object, however hostile its fields are", () => {
  const lines: string[] = [];
  openLog((line) => void lines.push(line))("warn", "x", { host: 'a"\n{"event":"forged"}', long: "y".repeat(1000) });
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.split("\n").length, 2);
  const parsed = JSON.parse(lines[0] ?? "") as Record<string, string>;
  assert.deepEqual([parsed["process"], parsed["event"], parsed["long"]?.length], ["broker", "x", 500]);
});

test("refusals beyond 20 a second are counted, not printed, and the next second tells how many", () => {
  const lines: unknown[] = [];
  let now = 1000;
  const log = limitLog(
    (_level, _event, fields) => void lines.push(fields),
    () => null,
    () => now,
  );
  for (let index = 0; index < 25; index++) log("warn", "egress_refused", { index });
  assert.equal(lines.length, 20);
  now = 2000;
  log("warn", "egress_refused", { index: 25 });
  log("warn", "egress_refused", { index: 26 });
  assert.deepEqual(lines.slice(20), [{ index: 25, suppressed: 5 }, { index: 26 }]);
});

test("a flood of lines about one destination does not hide the one line about another", () => {
  const hosts: unknown[] = [];
  let now = 1000;
  const log = limitLog(
    (_level, _event, fields) => void hosts.push(fields?.["host"]),
    ({ host }) => String(host),
    () => now,
  );
  const flood = (): void => {
    for (let index = 0; index < 1000; index++) log("info", "egress", { host: "noise.example" });
  };
  flood();
  log("info", "egress", { host: "thief.example" });
  log("info", "egress", { host: "thief.example" });
  assert.equal(hosts.filter((host) => host === "thief.example").length, 1);
  assert.equal(hosts.length, 21);
  now = 2000;
  flood();
  log("info", "egress", { host: "thief.example" });
  assert.equal(hosts.filter((host) => host === "thief.example").length, 2);
});

test("topics beyond 500 in a second are counted like everything else", () => {
  let lines = 0;
  const log = limitLog(
    () => void lines++,
    ({ host }) => String(host),
    () => 1000,
  );
  for (let index = 0; index < 2000; index++) log("info", "egress", { host: index });
  assert.equal(lines, 500);
});
