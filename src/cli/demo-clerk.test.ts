// What a scene changes in the example's file is changed where it says, or the scene does not start.
import assert from "node:assert/strict";
import { test } from "node:test";
import { describeEdits, editText } from "./demo-clerk.ts";

const text = "pay:\n  count: 1\nsend:\n  count: 1\n";

test("the first place behind the named one is changed, and no other", () => {
  const edits = [{ after: "send:", find: "count: 1", replace: "count: 2" }];
  assert.equal(editText(text, edits), "pay:\n  count: 1\nsend:\n  count: 2\n");
  assert.equal(describeEdits(edits), '"count: 2" instead of "count: 1"');
  assert.equal(describeEdits([{ after: "", find: "amy", replace: "amy, ben" }]), '"ben" added');
});

for (const [name, after, find] of [
  ["a place that is not there", "fetch:", "count: 1"],
  ["words that are not there", "send:", "count: 3"],
  ["words that stand only before the place", "send:", "pay:"],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(() => editText(text, [{ after, find, replace: "x" }]), /agent\.yaml has no/);
  });
}
