import assert from "node:assert/strict";
import { test } from "node:test";
import { readHeld, renderAll, type Held } from "./inbox.ts";

const held: Held = {
  ...{ deployment: "clerk", callId: "call_00000001", state: "held", thread: "t", turn: 1, user: "amy" },
  ...{ server: "erp", tool: "pay", arguments: {}, effect: "irreversible", impact: "spend", reason: "over the limit" },
  ...{ actionHash: "0", created: "2026-01-01T00:00:00Z", expires: "2026-01-02T00:00:00Z", by: null, note: null },
  ...{ role: "finance", needed: 2, approvals: [] },
};

test("nothing waits", () => {
  assert.equal(renderAll({ approvals: [], more: {}, unreachable: [] }), "Nothing waits for a person.");
});

test("each line names its deployment; what is not shown is said, and no word of a gate moves the cursor", () => {
  const text = renderAll({
    approvals: [held, { ...held, deployment: "desk", reason: "a\u001b[2Jb" }],
    more: { desk: 3 },
    unreachable: [{ deployment: "shop", why: "it is starting" }],
  });
  assert.deepEqual(text.split("\n"), [
    "clerk  call_00000001  pay  over the limit  0 of 2 approved (role finance)  until 2026-01-02T00:00:00Z",
    text.split("\n")[1],
    "... and 3 more in desk",
    "shop did not answer, what waits there is not shown: it is starting",
  ]);
  assert.equal(text.includes("\u001b"), false);
});

test("a gate that speaks as another deployment, or answers with anything else, is one that did not answer", () => {
  const { deployment: _own, ...view } = held;
  assert.deepEqual(readHeld("shop", { approvals: [view], more: 0 }).approvals, [{ ...view, deployment: "shop" }]);
  const wrong = [
    { approvals: [{ ...view, deployment: "clerk" }], more: 0 },
    { approvals: [{ ...view, callId: "call 1" }], more: 0 },
    { approvals: 7, more: 0 },
    { approvals: [null], more: 0 },
    null,
  ];
  for (const answer of wrong)
    assert.throws(() => readHeld("shop", answer), /no list of held calls/, JSON.stringify(answer));
});
