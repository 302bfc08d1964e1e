import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAnswer } from "./problem.ts";

test("the words of a part are told, cut, and cannot move the cursor of whoever reads them", () => {
  const told = (body: string): string => describeAnswer({ status: 502, headers: {}, body });
  assert.equal(
    told(JSON.stringify({ detail: "no tool pay\u001b]52;c;eA==\u0007 \u202e" })),
    "no tool pay\\u{1b}]52;c;eA==\\u{7} \\u{202e}",
  );
  assert.equal(told(JSON.stringify({ message: "plain words: ü" })), "plain words: ü");
  assert.equal(told("no JSON\r\n"), "no JSON\\u{d}\\u{a}");
  assert.equal(told(""), "status 502");
  assert.equal(told("x".repeat(5000)).length, 2000);
});
