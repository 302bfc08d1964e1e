import assert from "node:assert/strict";
import { test } from "node:test";
import { Alarm } from "./alarm.ts";

const now = 1_000_000;

/** When an alarm was set for, after it was set for `now + 2000` and `then` was done with it. */
function setFor(then: (alarm: Alarm) => void): number[] {
  const at: number[] = [];
  const alarm = new Alarm((one) => at.push(one));
  alarm.ringIn(2000, now);
  then(alarm);
  return at.slice(1);
}

const cases: readonly [string, (alarm: Alarm) => void, readonly number[]][] = [
  ["one that rings a moment from now stays", (alarm) => alarm.ringWithin(2000, now + 1999), []],
  ["one that should ring now is set again", (alarm) => alarm.ringWithin(2000, now + 2000), [now + 4000]],
  ["one that rang is set again, however early it rang", (alarm) => ring(alarm, now), [now + 2000]],
  ["one that rings just in time stays", (alarm) => alarm.ringWithin(2000, now), []],
  ["one that rings too late is set earlier", (alarm) => alarm.ringWithin(1999, now), [now + 1999]],
  ["one is set again after the clock went back", (alarm) => alarm.ringWithin(2000, now - 1), [now + 1999]],
  ["one that must not ring before is set, whatever it was set for", (alarm) => alarm.ringIn(9000, now), [now + 9000]],
];

function ring(alarm: Alarm, at: number): void {
  alarm.rang();
  alarm.ringWithin(2000, at);
}

for (const [name, then, expected] of cases) {
  test(`the alarm: ${name}`, () => assert.deepEqual(setFor(then), expected));
}

test("the alarm: a new instance believes in none", () => {
  const at: number[] = [];
  new Alarm((one) => at.push(one)).ringWithin(2000, now);
  assert.deepEqual(at, [now + 2000]);
});
