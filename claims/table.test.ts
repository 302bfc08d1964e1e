// A row of the table passes in one way only: green with the control, red without it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Control } from "../src/controls.ts";
import type { TestResults } from "../src/cli/test-results.ts";
import type { OffRun } from "./off-run.ts";
import { buildRows, renderRows } from "./table.ts";

const claim = "claims/schemas.claim.test.ts";
const control = { id: "schemas", claimTest: claim } as Control;
const place = { name: "a test", file: "/x", line: 1 };
const empty: TestResults = { passed: [], failed: [], skipped: [], broken: [] };
const green: TestResults = { ...empty, passed: [place] };
const red: TestResults = { ...green, failed: [{ ...place, failure: "testCodeFailure", message: "m" }] };
const skipped: TestResults = { ...empty, skipped: [{ ...place, reason: "no root" }] };

function off(state: OffRun["state"], change: Partial<OffRun["mutation"]> = {}): OffRun {
  const mutation = {
    control: "schemas",
    name: "strict keys",
    file: "f",
    find: "a",
    replace: "b",
    claim,
    red: "unknown keys are refused",
    ...change,
  } as const;
  return { mutation, state, reason: "unknown keys are refused", ms: 1 };
}

const rows: readonly [string, TestResults | undefined, OffRun[], ("passed" | "failed" | "skipped")[]][] = [
  ["green on, red off", green, [off("red")], ["passed"]],
  ["green on, green off", green, [off("green")], ["failed"]],
  ["green on, broken off", green, [off("broken")], ["failed"]],
  ["red on, red off", red, [off("red")], ["failed"]],
  ["broken on, red off", { ...green, broken: ["x"] }, [off("red")], ["failed"]],
  ["empty on, red off", empty, [off("red")], ["failed"]],
  ["not run on, red off", undefined, [off("red")], ["failed"]],
  ["skipped on", skipped, [off("broken")], ["skipped"]],
  ["no mutation", green, [], ["failed"]],
  ["a mutation of another control", green, [off("red", { control: "review" })], ["failed"]],
  ["a mutation with another claim", green, [off("red", { claim: "claims/review.claim.test.ts" })], ["failed"]],
  ["two mutations, one of them green", green, [off("red"), off("green")], ["passed", "failed"]],
];
for (const [name, on, runs, verdicts] of rows) {
  test(`${name}: ${verdicts.join(", ")}`, () => {
    const built = buildRows([control], new Map(on === undefined ? [] : [[claim, on]]), runs);
    assert.deepEqual(
      built.map(({ verdict }) => verdict),
      verdicts,
    );
  });
}

test("a control without a claim has no row", () => {
  assert.deepEqual(buildRows([{ ...control, claimTest: null }], new Map(), []), []);
});

test("the table names control, mutation, both states and the test that went red", () => {
  const lines = renderRows(buildRows([control], new Map([[claim, green]]), [off("red")]));
  assert.match(lines[0] ?? "", /^control +switched off +on +off/);
  assert.match(lines[1] ?? "", /^schemas +strict keys +green +red +passed +unknown keys are refused$/);
});
