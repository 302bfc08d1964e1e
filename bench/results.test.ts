// What is published under bench/results is in the one form, came from a whole run on a machine that nobody else used, and
// the form refuses what would mislead: a rival's figure without the rival, a figure twice, a table wider than a terminal.
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { benches } from "../src/cli/bench.ts";
import { root } from "../src/cli/child.ts";
import { isBusy, renderResult } from "./print.ts";
import { resultSchema, row, type BenchResult } from "./result.ts";
import { differences, interleave, spread } from "./statistics.ts";

const machine = {
  ...{ cpu: "A CPU", cores: 2, memoryGb: 24, system: "Debian GNU/Linux 12", kernel: "6.1", busyBefore: 0.01 },
  ...{ node: "24.21.0", workerd: "1.20261117.1", fsyncMs: spread([0.2, 0.3, 0.4]) },
};
const good: BenchResult = {
  ...{ name: "turn", question: "What does it cost?", command: "./ambit bench turn", date: "2026-11-25", machine },
  sizes: { rounds: 3, counts: "1,10" },
  rivals: [{ name: "@a/rival", version: "1.2.3", state: "measured" }],
  rows: [row("a turn", "ambit", "ms", [3, 1, 2]), row("a turn", "@a/rival", "ms", [1, 1, 2])],
};
const absent = { name: "@a/rival", version: "1.2.3", state: "absent", reason: "no network" } as const;

for (const file of globSync("bench/results/*.json", { cwd: root })) {
  test(`${file} is in the one form, of a whole run on a quiet machine`, () => {
    const result = resultSchema.parse(JSON.parse(readFileSync(root + file, "utf8")));
    assert.equal(`${result.name}.json`, basename(file));
    assert.ok(benches.includes(result.name), `there is no measurement ${result.name}`);
    assert.equal(result.command, `./ambit bench ${result.name}`);
    assert.ok(
      !isBusy(result.machine),
      `others used ${result.machine.busyBefore} of the machine: run ${result.command}`,
    );
  });
}

test("every measurement that the command line names is there, and none is left out", () => {
  for (const name of benches) assert.ok(existsSync(`${root}bench/${name}.ts`), name);
  const programs = globSync("bench/*.ts", { cwd: root }).filter((file) =>
    readFileSync(root + file, "utf8").includes("\nawait bench({"),
  );
  assert.deepEqual(programs.map((file) => basename(file, ".ts")).toSorted(), benches.toSorted());
});

const faults: readonly [string, unknown, RegExp | null][] = [
  ["a whole result", good, null],
  ["a rival that was absent, without figures", { ...good, rivals: [absent], rows: good.rows.slice(0, 1) }, null],
  ["a figure of a rival that was absent", { ...good, rivals: [absent] }, /a figure of @a\/rival, which was absent/],
  ["a rival that was measured, without figures", { ...good, rows: good.rows.slice(0, 1) }, /no figure of @a\/rival/],
  ["two figures for one thing", { ...good, rows: [...good.rows, ...good.rows] }, /two figures for a turn, by ambit/],
  ["no figure", { ...good, rivals: [], rows: [] }, /rows/],
  ["a figure of no samples", { ...good, rivals: [], rows: [row("a turn", "ambit", "ms", [])] }, /rows/],
  ["an unknown key", { ...good, note: "fast" }, /note/],
  ["a command that is none", { ...good, command: "rm -rf bench" }, /command/],
  ["a machine without its disk", { ...good, machine: { ...machine, fsyncMs: undefined } }, /fsyncMs/],
];
for (const [name, value, refused] of faults) {
  test(`${name} is ${refused === null ? "taken" : "refused"}`, () => {
    const { success, error } = resultSchema.safeParse(value);
    assert.equal(success, refused === null, error?.message);
    if (refused !== null) assert.match(error?.message ?? "", refused);
  });
}

test("percentiles that are not in order are refused", () => {
  const rows = [{ ...good.rows[0], spread: { ...spread([1, 2, 3]), p50: 9 } }, good.rows[1]];
  assert.match(resultSchema.safeParse({ ...good, rows }).error?.message ?? "", /not in order/);
});

test("a table fits 80 columns, with the longest names, and says what was absent and that the machine was busy", () => {
  const rows = [row("w".repeat(60), "b".repeat(34), "per second", [123_456.78, 99_999])];
  const lines = renderResult({ ...good, rows, rivals: [absent], machine: { ...machine, busyBefore: 0.9 } });
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
  assert.match(lines.join("\n"), /@a\/rival 1\.2\.3 was not measured: no network/);
  assert.match(lines.join(" "), /Others used 90\.0 % of its cores right before: not to be published/);
  assert.doesNotMatch(renderResult(good).join("\n"), /not to be published/);
});

test("percentiles are nearest rank; what one adds is taken round by round, and rounds that do not match are refused", () => {
  const { n, p50, p25, p75, p99, min, max } = spread(Array.from({ length: 200 }, (_, at) => 200 - at));
  assert.deepEqual(
    { n, p50, p25, p75, p99, min, max },
    { n: 200, p50: 100, p25: 50, p75: 150, p99: 198, min: 1, max: 200 },
  );
  assert.deepEqual(differences([5, 7], [1, 2]), [4, 5]);
  assert.throws(() => differences([5, 7], [1]), /2 rounds cannot be compared with 1/);
});

test("rivals are asked in turn, and rounds that warm up are dropped", async () => {
  const order: string[] = [];
  const ms = await interleave({ a: () => order.push("a"), b: () => order.push("b") }, 2, 1);
  assert.equal(order.join(""), "ababab");
  assert.deepEqual([ms.a.length, ms.b.length], [2, 2]);
});
