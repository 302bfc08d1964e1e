// Room 11: whoever waits is woken, and nothing of a wait stays behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Bell, untilRung } from "./bell.ts";

test("whoever waits for two bells is woken by either, and by time", async () => {
  const [one, other] = [new Bell(), new Bell()];
  const waits = [untilRung([one, other], 60_000), untilRung([other], 60_000)];
  assert.deepEqual([one.size, other.size], [1, 2]);
  other.ring();
  await Promise.all(waits);
  await untilRung([one], 1);
  assert.deepEqual([one.size, other.size], [0, 0]);
});

test("a wait that is over stays in no bell, however often it comes again", async () => {
  const [often, never] = [new Bell(), new Bell()];
  for (let n = 0; n < 1000; n++) {
    const wait = untilRung([often, never], 60_000);
    often.ring();
    await wait;
  }
  assert.deepEqual([often.size, never.size], [0, 0]);
});

test("a wait whose request was ended in the middle is forgotten, one that goes on is not", () => {
  const bell = new Bell();
  bell.add(() => undefined, 0, 100);
  bell.add(() => undefined, 0, 60_000);
  bell.add(() => undefined, 2000, 100);
  assert.equal(bell.size, 2);
});
