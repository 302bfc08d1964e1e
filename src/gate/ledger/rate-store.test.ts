// The table of limited keys: what a restart keeps, and who goes when somebody mints users to fill it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";

const now = Date.UTC(2026, 0, 1);
const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
const both = { messages_per_user: "3/h", messages_per_deployment: "9999999/h" };

/** A deployment on a database; `most` rows are kept. */
function openRates(most: number, limits: object = both, sql = openSqlStorage() as unknown as SqlStorage) {
  const agent = { instructions: "./i.md", model };
  const manifest = manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent, limits });
  const store = new RateStore(sql, most);
  const rates = new Rates(manifest.limits, store);
  const say = (user: string, at = now) => rates.takeMessage("api", user, at).allowed;
  return { rates, store, say, sql };
}

test("a limited user is limited after a restart", () => {
  const { say, sql } = openRates(100);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => say("amy")),
    [true, true, true, false],
  );
  const again = openRates(100, both, sql);
  assert.equal(again.say("amy"), false);
  assert.equal(again.say("bob"), true);
});

test("10,000 minted users do not push out a limited one, nor a shared limit", () => {
  const { say, store, sql } = openRates(1000);
  for (let n = 0; n < 3; n++) assert.equal(say("amy"), true);
  for (let n = 0; n < 10_000; n++) assert.equal(say(`minted${n}@acme.example`, now + n), true);
  assert.equal(store.count(), 1000);
  assert.equal(say("amy", now + 10_000), false);
  assert.equal(Number(sql.exec("select count(*) as n from rates where shared = 1").one()["n"]), 1);
  assert.equal(say("minted9999@acme.example", now + 10_000), true);
});

test("the documented cap is kept: the table never holds more than 100,000 rows", () => {
  const sql = openSqlStorage() as unknown as SqlStorage;
  const { say, store } = openRates(100_000, { messages_per_user: "3/h" }, sql);
  const fill = `with recursive ids (n) as (select 1 union all select n + 1 from ids where n < 99999)
    insert into rates select 'k' || n, ${(now + 1_200_000) * 1000} + n, 0, ${(now - 1_200_000) * 1000} + n from ids`;
  sql.exec(fill);
  store.forget();
  for (const user of ["amy", "amy", "amy", "bob", "eve"]) assert.equal(say(user), true);
  assert.equal(store.count(), 100_000);
  assert.equal(Number(sql.exec("select count(*) as n from rates").one()["n"]), 100_000);
  assert.equal(say("amy"), false);
});

test("minted users who use up all they have push out no limited one: the next new one waits for room", () => {
  const { say, rates } = openRates(5, { messages_per_user: "1/h" });
  assert.equal(say("amy"), true);
  for (let n = 0; n < 4; n++) assert.equal(say(`minted${n}`, now + 1 + n), true);
  const late = rates.takeMessage("api", "minted4", now + 10);
  assert.deepEqual(late.allowed ? "" : [late.refusal.field, late.refused.afterMs], [
    "limits.messages_per_user",
    3_599_990,
  ]);
  assert.equal(say("amy", now + 10), false);
  assert.equal(say("minted4", now + 3_600_000), true);
});

test("rows of a slow rate do not push out those that limit somebody by a quick one", () => {
  const { rates, say } = openRates(5, { messages_per_user: "1/min", calls_per_user: "9/day" });
  assert.equal(say("amy"), true);
  const call = (n: number) => rates.takeCall({ thread: `api:minted${n}:t`, user: `minted${n}` }, now + n);
  for (let n = 0; n < 20; n++) assert.equal(call(n), undefined);
  assert.equal(say("amy", now + 30), false);
});

test("rows that carry nothing any more go first", () => {
  const { say, store } = openRates(10);
  for (let n = 0; n < 9; n++) say(`early${n}`);
  const later = now + 3_600_000;
  assert.equal(say("late", later), true);
  assert.equal(store.count(), 2);
});

test("a name of 10 KB takes no more room than a short one", () => {
  const { say, sql } = openRates(100);
  say("a".repeat(10_240));
  const longest = sql.exec("select max(length(key)) as n from rates").one();
  assert.equal(Number(longest["n"]), 32);
});

test("a clock that went back is not waited for, and gives nothing back", () => {
  const { say } = openRates(100);
  for (let n = 0; n < 3; n++) say("amy");
  const back = now - 10 * 365 * 86_400_000;
  assert.equal(say("amy", back), false);
  assert.equal(say("amy", back + 1_199_999), false);
  assert.equal(say("amy", back + 1_200_000), true);
});

test("a call over its limit is refused with its field, and one of another user is not", () => {
  const { rates } = openRates(100, { calls_per_user: "1/min" });
  const take = (thread: string, user: string) => rates.takeCall({ thread, user }, now)?.field;
  assert.equal(take("api:amy:t", "amy"), undefined);
  assert.equal(take("api:amy:other", "amy"), "limits.calls_per_user");
  assert.equal(take("api:bob:t", "bob"), undefined);
});
