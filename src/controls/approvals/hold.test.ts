// How many calls may wait at once: just under and just over, and the documented numbers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideHold, mostHeld } from "./hold.ts";

test("five calls of a turn and twenty of a user wait, and one more of either does not", () => {
  assert.deepEqual(mostHeld, { turn: 5, user: 20 });
  assert.equal(decideHold({ ofTurn: 4, ofUser: 19 }), undefined);
  for (const waiting of [
    { ofTurn: 5, ofUser: 5 },
    { ofTurn: 0, ofUser: 20 },
    { ofTurn: 9, ofUser: 30 },
  ]) {
    assert.equal(decideHold(waiting)?.reason, "too_many_held");
  }
  assert.match(decideHold({ ofTurn: 0, ofUser: 20 })?.message ?? "", /20 calls of this user wait .* do not repeat it/);
});
