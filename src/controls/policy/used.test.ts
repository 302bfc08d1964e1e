// Amounts are added up exactly: as the decimals that were sent, not as what binary fractions make of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { exceeds, findSumFault, joinAmount, maxSum, splitAmount } from "./used.ts";

const rows: readonly (readonly [used: number, amount: number, bound: number, isOver: boolean])[] = [
  [0.1, 0.2, 0.3, false], // in binary fractions 0.1 + 0.2 is over 0.3
  [0.7, 0.1, 0.8, false],
  [0.1, 0.200001, 0.3, true],
  [0, 0.000001, 0, true],
  [maxSum - 1, 1, maxSum, false],
  [maxSum, 1, maxSum, true],
  [maxSum, 0.000001, maxSum, true],
  [2 ** 60, 0, maxSum, true],
  [1e300, 1, maxSum, true],
  [5, 5, 10, false],
  [5, 5, 9.999999, true],
];

for (const [used, amount, bound, isOver] of rows) {
  test(`${used} and ${amount} ${isOver ? "are over" : "fit into"} ${bound}`, () => {
    assert.equal(exceeds(used, amount, bound), isOver);
  });
}

const faults: readonly (readonly [amount: number, fault: RegExp | undefined])[] = [
  [0.000001, undefined],
  [0.0000001, /six decimals/],
  [0.1234567, /six decimals/],
  [0.1 + 0.2, /six decimals/],
  [maxSum, undefined],
  [maxSum + 1, /too large/],
  [1e21, /too large/],
];

for (const [amount, fault] of faults) {
  test(`${amount} ${fault ? "cannot" : "can"} be added up`, () => {
    const found = findSumFault(amount);
    if (fault) assert.match(found ?? "", fault);
    else assert.equal(found, undefined);
  });
}

const decimals = fc.integer({ min: 0, max: 1e15 }).map((millionths) => millionths / 1e6);

test("what is split and added up as whole numbers is the sum of the decimals", () => {
  fc.assert(
    fc.property(fc.array(decimals, { maxLength: 20 }), (list) => {
      const parts = list.map(splitAmount);
      const whole = parts.reduce((sum, part) => sum + part.whole, 0);
      const millionths = parts.reduce((sum, part) => sum + part.millionths, 0);
      const exact = list.reduce((sum, value) => sum + BigInt(value.toFixed(6).replace(".", "")), 0n);
      if (exact > 9_000_000_000n * 1_000_000n) return; // beyond, a number has no six decimals
      assert.equal(BigInt(joinAmount(whole, millionths).toFixed(6).replace(".", "")), exact);
    }),
  );
});

test("twenty times five cents of a euro are one euro, and not a millionth more", () => {
  let used = 0;
  for (let n = 0; n < 20; n++) {
    assert.equal(exceeds(used, 0.05, 1), false);
    const { whole, millionths } = splitAmount(0.05);
    used = joinAmount(whole * (n + 1), millionths * (n + 1));
  }
  assert.equal(used, 1);
  assert.equal(exceeds(used, 0.000001, 1), true);
});
