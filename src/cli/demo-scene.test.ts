// A scene can fail: one word that is not as it must be, and it is not ok.
import assert from "node:assert/strict";
import { test } from "node:test";
import { conclude, orderPayment, payment, refusalIn, refusalOf, type Fact } from "./demo-scene.ts";

const told: Fact = ["the call", "held", "held"];
const paid: Fact = ["paid", "nothing", "nothing"];

test("a scene is ok when every fact is as it must be, and says what the files say", () => {
  const facts = "the call: held; paid: nothing";
  assert.deepEqual(conclude([told], [paid]), { expected: facts, observed: facts, ok: true, world: "paid: nothing" });
});

const wrong: [name: string, told: Fact[], world: Fact[]][] = [
  ["an answer of Ambit", [["the call", "held", "done"]], [paid]],
  ["a payment", [told], [["paid", "nothing", "EUR 1.00 to X"]]],
  ["a payment made twice", [told], [["paid", "EUR 1.00 to X", "EUR 1.00 to X and EUR 1.00 to X"]]],
];

for (const [name, asTold, world] of wrong) {
  test(`a scene with ${name} that must not be is not ok`, () => assert.equal(conclude(asTold, world).ok, false));
}

test("an answer without a refusal is not taken for one", () => {
  const reply = 'pay: refused ("[ambit] refused (denied): no"). mail: refused ("[ambit] refused (limit_reached): no")';
  assert.equal(refusalIn(reply), "refused (denied) and refused (limit_reached)");
  assert.equal(refusalIn("I was refused (denied)."), "not refused");
  assert.equal(refusalOf({ type: "urn:ambit:problem:wrong_state" }), "refused (wrong_state)");
  assert.equal(refusalOf(undefined), "refused (without a reason)");
});

test("an order and its payment say the same amount", () => {
  assert.equal(orderPayment(500_001, "X"), "Pay EUR 5,000.01 to IBAN X for invoice inv_2003.");
  assert.equal(payment(500_001, "X"), "EUR 5,000.01 to X");
});
