// How many conversations are in memory at once, and that one user cannot take the places of all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { maxResidents, maxResidentsOfUser, Residents } from "./residents.ts";

const now = Date.UTC(2026, 0, 1);

function open() {
  const residents = new Residents();
  const enter = (thread: string, user: string, at = now) => {
    const has = residents.enter(thread, user, at);
    if (has) residents.leave(thread, user, at);
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

test("whoever waits for an answer keeps the place, however long that takes, and a while after", () => {
  const { residents, enter } = open();
  for (let n = 0; n < maxResidents; n++) assert.equal(residents.enter(`t${n}`, `user${n}`, now), true);
  assert.equal(residents.enter("t0", "user0", now), true);
  const late = now + 60_000;
  residents.leave("t0", "user0", late);
  assert.equal(enter("more", "more", late + 20_000), false);
  residents.leave("t0", "user0", late + 20_000);
  assert.equal(enter("more", "more", late + 39_999), false);
  assert.equal(enter("more", "more", late + 40_000), true);
});

test("asking for a place takes none, and a clock that goes back keeps nobody out", () => {
  const { residents, enter } = open();
  for (let n = 0; n < maxResidents; n++) assert.equal(residents.hasPlace(`t${n}`, "amy", now), true);
  for (let n = 0; n < maxResidents; n++) enter(`t${n}`, `user${n}`);
  assert.equal(enter("more", "more", now - 86_400_000), true);
});
