import assert from "node:assert/strict";
import { test } from "node:test";
import { mostPrompt, RefusalPace } from "./refusal-pace.ts";

test("the first refusals of a second are told at once, the next one late", () => {
  const pace = new RefusalPace();
  for (let n = 0; n < mostPrompt; n++) assert.equal(pace.delay(5_000 + n, 0.5), 0);
  assert.equal(pace.delay(5_999, 0), 400);
  assert.equal(pace.delay(5_999, 1), 1_200);
  assert.equal(pace.delay(6_000, 1), 0);
});

test("a clock that goes back holds nobody up for longer than a second of it", () => {
  const pace = new RefusalPace();
  for (let n = 0; n <= mostPrompt; n++) pace.delay(100_000, 0);
  assert.equal(pace.delay(99_001, 0), 400);
  assert.equal(pace.delay(99_000, 0), 0);
});
