import assert from "node:assert/strict";
import { test } from "node:test";
import { Load, maxHeldBytes, maxUnderWay } from "./load.ts";

test("the 65th request and the byte over the cap are refused, and both fit again once something ended", () => {
  const load = new Load();
  const holds = Array.from({ length: maxUnderWay }, () => load.enter());
  assert.equal(load.enter(), null);
  assert.ok(holds[0]?.take(maxHeldBytes));
  assert.equal(holds[1]?.take(1), false);
  holds[0]?.end();
  assert.equal(load.underWay, maxUnderWay - 1);
  assert.ok(holds[1]?.take(1));
  assert.notEqual(load.enter(), null);
  assert.equal(load.enter(), null);
});
