// What is used up of a bound: in which window a call counts, for whom, and that neither a clock nor a repeat gives it back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { contract as contractSchema } from "../../controls/manifest/schema.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { UseStore, useTables, type UsePlace } from "./use-store.ts";

const hour = 3_600_000;
const day = 24 * hour;
const every = { per_turn: 9, per_user: 9, per_day: 9 };
const contract = contractSchema.parse({
  ...{ effect: "reversible", authority: ["cents", "to"] },
  ...{ max: every, total: { cents: every } },
});

function open() {
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(useTables);
  return { sql, uses: new UseStore(sql) };
}

let calls = 0;
function place(more: Partial<UsePlace> = {}): UsePlace {
  const callId = `call_${(calls += 1)}`;
  return { callId, server: "erp", tool: "pay", user: "amy", thread: "api:amy:t", turn: 1, ...more };
}

/** Counts and sums as `turn/user/day`. */
function used(uses: UseStore, now: number, more: Partial<UsePlace> = {}): string {
  const { calls: counted, sums } = uses.used(place(more), contract, now);
  const sum = sums.get("cents") ?? assert.fail();
  const words = (figures: typeof counted) => `${figures.per_turn}/${figures.per_user}/${figures.per_day}`;
  return `${words(counted)} ${words(sum)}`;
}

/** One call of 5 cents at noon, and what it uses up for another one. */
const rows: readonly (readonly [name: string, more: Partial<UsePlace>, at: number, words: string])[] = [
  ["the same turn", {}, 0, "1/1/1 5/5/5"],
  ["another turn of the same user", { turn: 2 }, 0, "0/1/1 0/5/5"],
  ["another conversation of the same user", { thread: "api:amy:u" }, 0, "0/1/1 0/5/5"],
  ["another user", { user: "bob", thread: "api:bob:t" }, 0, "0/0/1 0/0/5"],
  ["the same user in capitals and full width", { user: "AＭY", thread: "api:AMY:t" }, 0, "0/1/1 0/5/5"],
  ["another tool", { tool: "refund" }, 0, "0/0/0 0/0/0"],
  ["a tool of that name at another server", { server: "bank" }, 0, "0/0/0 0/0/0"],
  ["a millisecond before a day is over", {}, day - 1, "1/1/1 5/5/5"],
  ["the minute after a day", {}, day + 59_999, "1/1/1 5/5/5"],
  ["a day and a minute later", {}, day + 60_000, "1/0/0 5/0/0"],
  ["a clock that went back an hour", {}, -hour, "1/1/1 5/5/5"],
  ["a clock that went back a year", {}, -365 * day, "1/1/1 5/5/5"],
];

for (const [name, more, at, words] of rows) {
  test(`what a call used up for ${name}`, () => {
    const { uses } = open();
    const noon = 1000 * day;
    uses.add(place(), contract, { cents: 5, to: "x" }, noon);
    assert.equal(used(uses, noon + at, more), words);
  });
}

test("a call that is asked for again counts once, and not against itself", () => {
  const { uses } = open();
  const call = place();
  for (let n = 0; n < 3; n++) uses.add(call, contract, { cents: 5 }, n);
  assert.equal(used(uses, 10), "1/1/1 5/5/5");
  assert.equal(used(uses, 10, { callId: call.callId }), "0/0/0 0/0/0");
});

test("sums of fractions are those of the decimals that were sent", () => {
  const { uses } = open();
  for (let n = 0; n < 10; n++) uses.add(place(), contract, { cents: 0.1 }, 0);
  assert.equal(used(uses, 0), "10/10/10 1/1/1");
});

test("what was kept is there for a store that is opened again, and for a total that a later release adds", () => {
  const { sql, uses } = open();
  uses.add(place(), contractSchema.parse({ effect: "reversible", authority: ["cents"] }), { cents: 5 }, 0);
  sql.exec(useTables);
  assert.equal(used(new UseStore(sql), 1), "1/1/1 5/5/5");
});

test("what is no amount is not added up, and stops nothing", () => {
  const { uses } = open();
  for (const cents of [-1, NaN, Infinity, "5", null, 2 ** 53, 1e-7]) uses.add(place(), contract, { cents }, 0);
  uses.add(place(), contract, {}, 0);
  assert.equal(used(uses, 0), "8/8/8 0/0/0");
});

test("what has no bound is not looked up", () => {
  const { uses } = open();
  const free = contractSchema.parse({ effect: "reversible", authority: ["cents"], max: { per_day: 1 } });
  uses.add(place(), free, { cents: 5 }, 0);
  const { calls: counted, sums } = uses.used(place(), free, 0);
  assert.deepEqual([counted, [...sums]], [{ per_turn: 0, per_user: 0, per_day: 1 }, []]);
});

test("what is said of millions of calls is read from 1441 rows of a table that is sorted for it", () => {
  const { sql, uses } = open();
  for (let n = 0; n < 3000; n++) uses.add(place({ turn: n }), contract, { cents: 5 }, n * 1000);
  assert.equal(used(uses, 3_000_000, { turn: 7 }), "1/3000/3000 5/15000/15000");
  const minutes = sql.exec("select count(*) as n from use_minutes where argument = '' and user = ''").one();
  assert.equal(minutes["n"], 50);
  const query =
    "select total(whole) from use_minutes where server = 'e' and tool = 'p' and argument = '' and user = ''";
  const [plan] = sql.exec(`explain query plan ${query} and minute >= 1`).toArray();
  assert.match(String(plan?.["detail"]), /SEARCH use_minutes USING PRIMARY KEY \(.*minute>\?\)/);
});

test("nobody can be named like everybody", () => {
  const { uses } = open();
  uses.add(place({ user: "\u200b" }), contract, { cents: 5 }, 0);
  assert.equal(used(uses, 0), "1/0/1 5/0/5");
});
