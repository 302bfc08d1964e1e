// Control `audit`: no way of writing a decision leads past the admin chain.
import assert from "node:assert/strict";
import { test } from "node:test";
import { actOf } from "./operator-acts.ts";

const call = "call_000000000000000000000000";
const decision = { decision: "approve", actionHash: "a".repeat(64), by: "ann@acme.example", note: "as agreed" };
const body = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test("a decision is told with who, what and on which action, and without the note", () => {
  assert.deepEqual(actOf("POST", `/control/approvals/${call}`, body(decision)), {
    event: "decision_passed_on",
    callId: call,
    detail: { decision: "approve", by: "ann@acme.example", actionHash: "a".repeat(64) },
  });
});

for (const target of [
  `/control/approvals/${call}?x=1`,
  `/control/./approvals/${call}`,
  `/v1/../control/approvals/${call}`,
  `/%2e/control/approvals/${call}`,
  `/control/approvals/${call}#x`,
]) {
  test(`the same decision under ${target} is told too`, () => {
    assert.equal(actOf("POST", target, body(decision))?.event, "decision_passed_on");
  });
}

test("a decision or an accepted tool that cannot be read here is told all the same", () => {
  for (const text of ["", "{", "\ufeff{}", JSON.stringify({ ...decision, more: 1 })]) {
    assert.deepEqual(actOf("POST", `/control/approvals/${call}`, Buffer.from(text))?.detail, {
      decision: "unreadable",
    });
    assert.deepEqual(actOf("POST", "/control/tools/accept", Buffer.from(text))?.detail, { tool: "unreadable" });
  }
});

test("an accepted tool is told with its hash", () => {
  const accepted = { server: "erp", tool: "pay", hash: "b".repeat(64) };
  assert.deepEqual(actOf("POST", "/control/tools/accept", body(accepted)), {
    event: "tool_accepted",
    detail: accepted,
  });
});

test("a Ledger that is frozen or thawed past the switch is told, with who, as far as that can be read", () => {
  for (const what of ["freeze", "thaw"]) {
    const act = (bytes: Buffer) => actOf("POST", `/control/${what}`, bytes);
    assert.deepEqual(act(body({ by: "eve" })), { event: `ledger_${what}_passed_on`, detail: { by: "eve" } });
    assert.deepEqual(act(Buffer.from("{"))?.detail, { by: "unreadable" });
    assert.equal(actOf("GET", `/control/${what}`, body({ by: "eve" })), null);
  }
});

test("looking is no act", () => {
  for (const [method, target] of [
    ["GET", `/control/approvals/${call}`],
    ["GET", "/control/audit?after=0"],
    ["POST", "/control/pin"],
    ["POST", "/control/approvals"],
  ] as const) {
    assert.equal(actOf(method, target, body(decision)), null);
  }
});
