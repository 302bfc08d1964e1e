// How many conversations are in memory at once, and that one user cannot take the places of all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { maxResidents, maxResidentsOfUser, Residents } from "./residents.ts";

const now = Date.UTC(2026, 0, 1);

function open() {
  const residents = new Residents();
  const enter = (thread: string, user: string, at = now) => {
    const has = residents.enter(thread, user, 0, at);
    if (has) residents.leave(thread, at);
    return has;
  };
  return { residents, enter };
}

test("one user gets so many places, just those and not one more, under any spelling, and another user still gets one", () => {
  const { enter } = open();
  for (let n = 0; n < maxResidentsOfUser; n++) assert.equal(enter(`amy${n}`, n % 2 === 0 ? "amy" : "AMY"), true);
  assert.deepEqual([enter("amy-more", "amy"), enter("amy0", "amy"), enter("bob", "bob")], [false, true, true]);
});

test("all users together get so many places, and a conversation that has one keeps it", () => {
  const { enter } = open();
  for (let n = 0; n < maxResidents; n++) assert.equal(enter(`t${n}`, `user${n}`), true);
  assert.deepEqual([enter("more", "more"), enter("t7", "user7")], [false, true]);
});

test("a place is free again when nobody has touched its conversation for 20 seconds, and not before", () => {
  const { enter } = open();
  for (let n = 0; n < maxResidents; n++) enter(`t${n}`, `user${n}`);
  enter("t0", "user0", now + 10_000);
  assert.equal(enter("more", "more", now + 19_999), false);
  assert.equal(enter("more", "more", now + 20_000), true);
  for (let n = 0; n < maxResidents - 2; n++) assert.equal(enter(`new${n}`, `new${n}`, now + 20_000), true);
  assert.equal(enter("over", "over", now + 20_000), false);
});

test("whoever waits for an answer keeps the place as long as that takes, and a while after", () => {
  const { residents, enter } = open();
  for (let n = 0; n < maxResidents; n++) assert.equal(residents.enter(`t${n}`, `user${n}`, 30_000, now), true);
  assert.equal(residents.enter("t0", "user0", 0, now + 1000), true);
  residents.leave("t0", now + 1001);
  assert.equal(enter("more", "more", now + 29_999), false);
  residents.leave("t0", now + 29_999);
  assert.equal(enter("more", "more", now + 49_998), false);
  assert.equal(enter("more", "more", now + 49_999), true);
});

test("whoever goes away without a word keeps the place for the time of the wait and no longer", () => {
  const { residents, enter } = open();
  for (let n = 0; n < maxResidents; n++) assert.equal(residents.enter(`t${n}`, `user${n}`, 30_000, now), true);
  assert.equal(enter("more", "more", now + 49_999), false);
  for (let n = 0; n < maxResidents; n++) assert.equal(enter(`new${n}`, `new${n}`, now + 50_000), true);
});

test("asking for a place takes none, and a clock that goes back keeps nobody out", () => {
  const { residents, enter } = open();
  for (let n = 0; n < maxResidents; n++) assert.equal(residents.hasPlace(`t${n}`, "amy", now), true);
  for (let n = 0; n < maxResidents; n++) enter(`t${n}`, `user${n}`);
  assert.equal(enter("more", "more", now - 86_400_000), true);
});
