import assert from "node:assert/strict";
import { test } from "node:test";
import { frontMeasures, maxMeasured, requestBuckets } from "../../controls/wire/measures.ts";
import { Measures } from "./measures.ts";

const record = { deployment: "clerk", status: 200, ms: 12, reason: null };

test("a request is in each bucket that it fits in, and in none below", () => {
  const measures = new Measures();
  measures.note({ ...record, ms: 5 });
  measures.note({ ...record, ms: 5.001 });
  measures.note({ ...record, ms: 31_000 });
  const [row] = frontMeasures.parse(measures.read()).requests;
  assert.deepEqual([row?.count, row?.upTo[0], row?.upTo[1], row?.upTo.at(-1)], [3, 1, 2, 2]);
  assert.equal(row?.upTo.length, requestBuckets.length);
  assert.ok(Math.abs((row?.sum ?? 0) - 31.010001) < 1e-9);
});

test("a request for nobody is no label, but why it was refused is counted", () => {
  const measures = new Measures();
  measures.note({ ...record, deployment: null, status: 404, reason: "not_found" });
  measures.note({ ...record, status: 503, reason: "frozen" });
  const { requests, refusals } = frontMeasures.parse(measures.read());
  assert.deepEqual(
    requests.map(({ deployment, status }) => [deployment, status]),
    [["clerk", "5xx"]],
  );
  assert.deepEqual(refusals, [
    { reason: "not_found", count: 1 },
    { reason: "frozen", count: 1 },
  ]);
});

test("so many deployments are told apart and no more, and what is read can be passed on", () => {
  const measures = new Measures();
  for (let n = 0; n < maxMeasured * 6; n++) measures.note({ ...record, deployment: `d${n}` });
  assert.equal(frontMeasures.parse(measures.read()).requests.length, maxMeasured * 5);
});
