// A refusal is never taken for a payment.
import assert from "node:assert/strict";
import { test } from "node:test";
import { explainOutcome, outcomeOf } from "./outcome.ts";

const rows: [tool: string, result: string | undefined, outcome: string][] = [
  ["pay_invoice", '{"payment_id":1,"status":"paid"}', "done"],
  ["pay_invoice", '[{"type":"text","text":"{\\"payment_id\\":1}"}]', "done"],
  ["pay_invoice", '{"status":"paid"}', "refused"],
  ["send_mail", '{"payment_id":1}', "refused"],
  ["send_mail", '{"mail_id":1}', "done"],
  ["pay_invoice", "a person denied this call", "refused"],
  ["pay_invoice", "This call waits for a person to decide. It has not run.", "held"],
  ["pay_invoice", "the approval expired", "refused"],
  ["pay_invoice", "It is not known whether pay_invoice ran.", "unknown"],
  ["pay_invoice", '{"refused":"limit_reached"}', "refused"],
  ["pay_invoice", undefined, "unknown"],
  ["grant_access", '{"change_id":1,"status":"granted"}', "done"],
  ["grant_access", '{"status":"granted"}', "refused"],
  ["get_invoice", '{"id":"inv_1"}', "done"],
  ["get_invoice", "refused: unknown_tool", "refused"],
];

for (const [tool, result, outcome] of rows) {
  test(`${tool} answered ${result ?? "nothing"}: ${outcome}`, () => {
    assert.equal(outcomeOf({ at: 1, tool, args: {}, result }), outcome);
  });
}

test("of a refusal the first line of what was said is passed on, cut; of a success nothing", () => {
  const call = { at: 1, tool: "pay_invoice", args: {} };
  assert.equal(explainOutcome({ ...call, result: "denied: not today\nmore" }), 'refused ("denied: not today")');
  assert.equal(explainOutcome({ ...call, result: `denied${"x".repeat(1000)}` }).length, 'refused ("")'.length + 200);
  assert.equal(explainOutcome({ ...call, result: '{"payment_id":1}' }), "done");
});
