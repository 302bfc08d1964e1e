// Reservations on disk: calls at once, answers that never came, answers reported twice, and days that turn.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Budget } from "./budget.ts";
import { BudgetStore } from "./budget-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";

const now = Date.UTC(2026, 0, 1, 12);
const dayMs = 86_400_000;
const thread = "api:amy:t";

function openDesk(
  limits: object = { tokens_per_day: 10_000 },
  sql = openSqlStorage() as unknown as SqlStorage,
  started = 0,
) {
  sql.exec(chainTables);
  const price = { input: 2, output: 10 };
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m", price };
  const agent = { instructions: "./i.md", model };
  const manifest = manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent, limits });
  const chain = new ChainStore(sql, "ab");
  const store = new BudgetStore(sql);
  const budget = new Budget(manifest, store, chain, () => 100, started);
  const reserve = (input: number, output: number, at = now) => budget.reserve({ thread, input, output }, at);
  const paid = (input: number, output: number, at = now) => {
    const answer = reserve(input, output, at);
    assert.ok("reservation" in answer, JSON.stringify(answer));
    return answer.reservation;
  };
  const tell = (event: string, detail: { [key: string]: Json }, from = thread, at = now) =>
    budget.settle(from, { v: 1, at: "", event, turn: 1, detail }, at);
  const used = (at = now) => store.used(Math.floor(at / dayMs)).tokens;
  const events = () => chain.read(0, 100).map(({ entry }) => entry.event);
  return { budget, reserve, paid, tell, used, events, sql, rows: () => count(sql) };
}

function count(sql: SqlStorage): number {
  return Number(sql.exec("select count(*) as n from reservations").one()["n"]);
}

test("calls at once cannot go over together: the last one gets what is left, and the next nothing", () => {
  const { reserve, used } = openDesk();
  const outputs = Array.from({ length: 6 }, () => reserve(1000, 1500)).map((one) =>
    "output" in one ? one.output : "no",
  );
  assert.deepEqual(outputs, [1500, 1500, 1500, 1500, "no", "no"]);
  assert.equal(used(), 10_000);
});

test("the real cost takes the bound's place, once, however often it is reported", () => {
  const { paid, tell, used, rows } = openDesk();
  const reservation = paid(1000, 1500);
  for (let times = 0; times < 3; times++) tell("model_answered", { reservation, input: 40, output: 2 });
  assert.deepEqual([used(), rows()], [42, 0]);
});

test("a call that asked nobody costs nothing, and one of which nobody knows costs its bound", () => {
  const { paid, tell, used } = openDesk();
  tell("budget_released", { reservation: paid(1000, 1500) });
  assert.equal(used(), 0);
  paid(1000, 1500);
  assert.equal(used(), 2500);
});

test("a killed gate has paid the bound: a new process sees what was reserved", () => {
  const { reserve, sql } = openDesk();
  for (let n = 0; n < 4; n++) reserve(1000, 1500);
  const again = openDesk(undefined, sql, now + 1);
  assert.equal(again.used(), 10_000);
  const refused = again.reserve(1000, 1500, now + 1);
  assert.ok("refusal" in refused && !refused.canWait);
});

test("another thread cannot settle a reservation, nor an unknown event, nor a cost that is none", () => {
  const { paid, tell, used } = openDesk();
  const reservation = paid(1000, 1500);
  tell("budget_released", { reservation }, "api:eve:t");
  tell("turn_closed", { reservation, input: 0, output: 0 });
  tell("budget_released", { reservation: null });
  for (const input of [-1, 0.5, "0", null, NaN, 2 ** 60]) tell("model_answered", { reservation, input, output: 0 });
  assert.equal(used(), 2500);
});

test("a provider that says more than was reserved is charged what it says, and that is written down", () => {
  const { paid, tell, used, events, reserve } = openDesk();
  tell("model_answered", { reservation: paid(1000, 1500), input: 20_000, output: 1 });
  assert.deepEqual([used(), events()], [20_001, ["budget_overrun"]]);
  assert.ok("refusal" in reserve(1, 300));
});

test("a budget of money is kept to the micro-dollar", () => {
  const { paid, reserve, tell } = openDesk({ usd_per_day: 0.01 });
  // 1000 * 2 + 543 * 10 = 7430 of 10,000 micro-dollars: 257 more tokens can be written.
  tell("model_answered", { reservation: paid(1000, 800), input: 1000, output: 543 });
  const rest = reserve(0, 8192);
  assert.equal("output" in rest && rest.output, 257);
  assert.ok("refusal" in reserve(0, 8192));
});

test("an answer after midnight belongs to the day in which it was asked for", () => {
  const { paid, tell, used, reserve } = openDesk();
  const late = Date.UTC(2026, 0, 1, 23, 59, 59);
  const reservation = paid(1000, 1500, late);
  assert.ok("reservation" in reserve(5000, 5000, late + 2000));
  tell("model_answered", { reservation, input: 1, output: 1 }, thread, late + 3000);
  assert.deepEqual([used(late), used(late + 2000)], [2, 10_000]);
});

test("a clock that goes back does not open a day again, and one that goes ahead opens one", () => {
  const { reserve } = openDesk();
  assert.ok("reservation" in reserve(5000, 5000));
  assert.ok("refusal" in reserve(1, 300, now - 3 * dayMs));
  assert.ok("reservation" in reserve(5000, 5000, now + 3 * dayMs));
  assert.ok("refusal" in reserve(1, 300));
});

test("what can no longer be settled is forgotten, and stays paid", () => {
  const { paid, rows, used } = openDesk();
  paid(1000, 1500);
  paid(1, 300, now + 2 * dayMs);
  assert.deepEqual([rows(), used()], [1, 2500]);
});

test("calls under way may still cost less: only what is settled is spent", () => {
  const { reserve, paid, tell } = openDesk();
  const reservation = paid(5000, 5000);
  const full = reserve(1, 300);
  assert.ok("refusal" in full && full.canWait);
  const late = reserve(1, 300, now + 180_001);
  assert.ok("refusal" in late && !late.canWait);
  tell("model_answered", { reservation, input: 10, output: 10 });
  assert.ok("reservation" in reserve(1, 300));
});
