import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainEntry } from "../audit/entry.ts";
import { countEntry, maxWords, noCounts, type Counts } from "./counts.ts";
import { exposition } from "./exposition.ts";

function count(...said: readonly (readonly [event: string, detail?: ChainEntry["detail"], callId?: string])[]): Counts {
  const counts = noCounts();
  said.forEach(([event, detail = {}, callId], at) =>
    countEntry(counts, { v: 1, seq: at + 1, at: "", event, detail, ...(callId === undefined ? {} : { callId }) }),
  );
  return counts;
}

test("turns, calls, refusals and what the model cost add up", () => {
  const answered = { input: 10, output: 5, tokens: 15, ms: 700, microUsd: 40 };
  const counts = count(
    ["turn_opened"],
    ["model_answered", answered],
    ["model_answered", { ...answered, ms: 70_000 }],
    ["call_refused", { reason: "limit_reached" }, "a"],
    ["message_refused", { reason: "too_many_messages" }],
    ["turn_closed", { state: "done", why: null }],
    ["turn_closed", { state: "failed", why: "budget_spent" }],
    ["frozen", { by: "amy" }],
  );
  assert.deepEqual(counts.turnsClosed, { done: 1, budget_spent: 1 });
  assert.deepEqual(counts.calls, { refused: 1 });
  assert.deepEqual(counts.refusals, { limit_reached: 1, too_many_messages: 1 });
  const { upTo, ...model } = counts.model;
  assert.deepEqual(model, { steps: 2, input: 20, output: 10, microUsd: 80, ms: 70_700 });
  assert.deepEqual(upTo, [0, 0, 1, 1, 1, 1, 1, 1, 1]);
});

test("a call waits until it was decided, expired or was voided, and once however often that is told", () => {
  const held = ["call_held", {}, "a"] as const;
  assert.equal(Object.keys(count(held, held).held).length, 1);
  for (const event of ["call_approved", "call_denied", "call_expired", "call_voided", "call_refused"])
    assert.equal(Object.keys(count(held, [event, {}, "a"], [event, {}, "a"]).held).length, 0, event);
});

test("made-up words are at most so many labels, what is no word is other, and nothing inherited is counted", () => {
  const many = Array.from({ length: 100 }, (_, n) => ["call_refused", { reason: `r${n}` }] as const);
  const { refusals } = count(...many);
  assert.equal(Object.keys(refusals).length, maxWords);
  assert.equal(refusals["other"], 100 - (maxWords - 1));
  const odd = ["a b", "x".repeat(65), 7, null, 'a"} 1\nb'].map((reason) => ["call_refused", { reason }] as const);
  assert.deepEqual(count(...odd).refusals, { other: 5 });
  assert.deepEqual(count(["call_refused", { reason: "constructor" }]).refusals, { constructor: 1 });
});

test("what a gate that was taken over counts is no number or one from 0", () => {
  const { model } = count(["model_answered", { input: -1, output: 1e300, ms: "x", microUsd: 0.5 }]);
  assert.deepEqual([model.input, model.output, model.ms, model.microUsd], [0, 0, 0, 0]);
});

test("the text format: a value cannot look like a line of its own", () => {
  const labels = { deployment: 'a"} 1\nx{\\', code: "b" };
  const text = exposition([
    { name: "ambit_x_total", help: "X.", type: "counter", samples: [{ labels, value: 2 }] },
    { name: "ambit_up", help: "Up.", type: "gauge", samples: [{ labels: {}, value: 1 }] },
    {
      ...{ name: "ambit_s", help: "S.", type: "histogram", buckets: [0.5, 1] },
      samples: [{ labels: { d: "a" }, upTo: [1, 2], count: 3, sum: 4.5 }],
    },
  ]);
  assert.equal(
    text,
    `# HELP ambit_x_total X.
# TYPE ambit_x_total counter
ambit_x_total{deployment="a\\"} 1\\nx{\\\\",code="b"} 2
# HELP ambit_up Up.
# TYPE ambit_up gauge
ambit_up 1
# HELP ambit_s S.
# TYPE ambit_s histogram
ambit_s_bucket{d="a",le="0.5"} 1
ambit_s_bucket{d="a",le="1"} 2
ambit_s_bucket{d="a",le="+Inf"} 3
ambit_s_sum{d="a"} 4.5
ambit_s_count{d="a"} 3
`,
  );
});
