import assert from "node:assert/strict";
import { test } from "node:test";
import { Checks, mostChecks } from "./checks.ts";

test("no more are checked at once than there are places, and one who left makes room for one", () => {
  const checks = new Checks();
  const places = Array.from({ length: mostChecks }, () => checks.enter(0));
  assert.ok(places.every((place) => place !== undefined));
  assert.equal(checks.enter(0), undefined);
  checks.leave(places[0] as symbol);
  assert.notEqual(checks.enter(0), undefined);
  assert.equal(checks.enter(0), undefined);
});

test("a place that nobody gave back is free again after ten seconds, also when the clock went back", () => {
  for (const later of [10_001, -10_001]) {
    const checks = new Checks();
    for (let n = 0; n < mostChecks; n++) checks.enter(0);
    assert.equal(checks.enter(later > 0 ? 10_000 : -10_000), undefined);
    assert.notEqual(checks.enter(later), undefined);
  }
});
