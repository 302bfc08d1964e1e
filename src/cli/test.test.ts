// The closing line of `./ambit test` is what people and machines believe: it is written and read in one form only.
import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "./arguments.ts";
import { countsLine, readCounts, runTest, summarize } from "./test.ts";

test("the closing line says what passed and failed, and what was skipped when anything was", () => {
  assert.equal(countsLine({ passed: 3, failed: 0, skipped: 0 }), "3 passed, 0 failed");
  assert.equal(countsLine({ passed: 3, failed: 1, skipped: 2 }), "3 passed, 1 failed, 2 skipped");
});

test("a closing line is read back, as text and as JSON; anything near it is not one", () => {
  const counts = { passed: 3, failed: 1, skipped: 2 };
  assert.deepEqual(readCounts(countsLine(counts)), counts);
  assert.deepEqual(readCounts(JSON.stringify({ event: "counts", ...counts })), counts);
  assert.deepEqual(readCounts("3 passed, 1 failed"), { passed: 3, failed: 1, skipped: 0 });
  for (const line of [
    "",
    "3 passed",
    "x 3 passed, 1 failed",
    "3 passed, 1 failed.",
    "-3 passed, 1 failed",
    '{"passed":3}',
  ]) {
    assert.equal(readCounts(line), null, line);
  }
});

test("what is broken outside a test counts as failed, and each failure and skip has its line", () => {
  const place = { name: "a claim", file: "/x/a.test.ts", line: 7 };
  const summary = summarize(
    {
      passed: [place],
      failed: [{ ...place, failure: "testCodeFailure", message: "Error: no" }],
      skipped: [{ ...place, reason: "no root" }],
      broken: ["b.test.ts holds no test"],
    },
    ["no test file matches docs/**"],
  );
  assert.deepEqual([summary.passed, summary.failed, summary.skipped], [1, 3, 1]);
  assert.deepEqual(summary.details, [
    "failed: a claim (/x/a.test.ts:7)\nError: no",
    "failed: no test file matches docs/**",
    "failed: b.test.ts holds no test",
    "skipped: a claim (/x/a.test.ts:7): no root",
  ]);
});

test("unknown flags and words are refused with the usage", async () => {
  for (const args of [["--controls-of"], ["now"], ["--json=1"]]) {
    await assert.rejects(
      runTest(args),
      (error) => error instanceof UsageError && /ambit test \[--controls-off\]/.test(error.message),
    );
  }
});
