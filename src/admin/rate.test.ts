import assert from "node:assert/strict";
import { test } from "node:test";
import { TokenRates } from "./rate.ts";

const now = Date.UTC(2026, 0, 1);

test("a token may ask 600 times at once and not once more; one comes back every tenth of a second", () => {
  const rates = new TokenRates();
  for (let n = 0; n < 600; n++) assert.ok(!("code" in rates.charge("a", now)), String(n));
  const refused = rates.charge("a", now);
  assert.ok("code" in refused && refused.status === 429);
  assert.equal(refused.headers?.["retry-after"], "1");
  assert.match(refused.headers?.["ratelimit"] ?? "", /r=0/);
  assert.ok("code" in rates.charge("a", now + 99));
  assert.ok(!("code" in rates.charge("a", now + 100)));
});

test("what one token uses up is not another's", () => {
  const rates = new TokenRates();
  for (let n = 0; n < 601; n++) rates.charge("a", now);
  assert.ok(!("code" in rates.charge("b", now)));
});

test("many tokens make nobody forget that one is used up", () => {
  const rates = new TokenRates();
  for (let n = 0; n < 601; n++) rates.charge("a", now);
  for (let n = 0; n < 5000; n++) rates.charge(`t${n}`, now);
  assert.ok("code" in rates.charge("a", now));
});
