// Whether a message may come in: what is charged, what a repeated one costs, and what a flood leaves in the audit.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Refusal } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Budget } from "./budget.ts";
import { BudgetStore } from "./budget-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { Messages } from "./messages.ts";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";

const now = Date.UTC(2026, 0, 1);
const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };

function openDoor(limits: object, frozen: () => Refusal | undefined = () => undefined) {
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(chainTables);
  const agent = { instructions: "./i.md", model };
  const manifest = manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent, limits });
  const chain = new ChainStore(sql, "ab");
  const budget = new Budget(manifest, new BudgetStore(sql), chain, () => 0, now);
  const messages = new Messages(sql, chain, new Rates(manifest.limits, new RateStore(sql)), budget, frozen);
  const say = (user: string, idempotency: string | null = null, at = now, thread = "t") =>
    messages.admit({ thread: `api:${user}:${thread}`, channel: "api", user, idempotency, bodyHash: null }, at);
  const rows = (table: string) => Number(sql.exec(`select count(*) as n from ${table}`).one()["n"]);
  return { messages, say, rows, budget, refusals: () => chain.read(0, 500).map(({ entry }) => entry.detail["user"]) };
}

test("without limits a message writes nothing at all", () => {
  const { say, rows } = openDoor({});
  assert.deepEqual(say("amy", "key"), { refusal: null, headers: {} });
  assert.deepEqual(["rates", "charged", "entries"].map(rows), [0, 0, 0]);
});

test("a signed id that is used for another body is refused before anything is charged, and written down", () => {
  const { messages, rows, refusals } = openDoor({ messages_per_user: "2/min" });
  const hook = (idempotency: string, bodyHash: string) => {
    const message = { thread: `webhook:amy:${bodyHash}`, channel: "webhook", user: "amy", idempotency, bodyHash };
    return messages.admit(message, now).refusal?.reason ?? "taken";
  };
  assert.deepEqual(
    [hook("one", "a"), hook("one", "b"), hook("one", "a")],
    ["taken", "idempotency_key_reused", "taken"],
  );
  assert.deepEqual([hook("two", "a"), hook("three", "a")], ["taken", "too_many_messages"]);
  // One that was not taken may come again, as whatever its sender makes of it.
  assert.deepEqual([rows("charged"), rows("signed_ids"), refusals()], [2, 2, ["amy", "amy"]]);
});

test("while frozen no message is taken, not even one that was charged before; nothing is charged, and it is written down", () => {
  const refusal: Refusal = { control: "workflow", reason: "frozen", message: "frozen" };
  let isFrozen = false;
  const { say, rows, refusals } = openDoor({ messages_per_user: "2/min" }, () => (isFrozen ? refusal : undefined));
  assert.equal(say("amy", "one").refusal, null);
  isFrozen = true;
  assert.deepEqual([say("amy", "one").refusal, say("bob").refusal], [refusal, refusal]);
  assert.deepEqual([refusals(), rows("charged")], [["amy", "bob"], 1]);
  isFrozen = false;
  assert.deepEqual([say("amy", "one").refusal, say("amy").refusal], [null, null]);
});

test("a message over the limit is refused, with the field, Retry-After and RateLimit", () => {
  const { say } = openDoor({ messages_per_user: "1/min" });
  assert.equal(say("amy").refusal, null);
  const { refusal, headers } = say("amy");
  assert.deepEqual([refusal?.reason, refusal?.field], ["too_many_messages", "limits.messages_per_user"]);
  assert.deepEqual([headers["retry-after"], headers["ratelimit"]], ["60", '"user";r=0;t=60']);
  assert.equal(say("bob").refusal, null);
});

test("the same key again is not charged, also when nothing is left", () => {
  const { say } = openDoor({ messages_per_user: "2/min" });
  for (let tries = 0; tries < 5; tries++) assert.equal(say("amy", "one").refusal, null);
  assert.equal(say("amy", "two").refusal, null);
  assert.equal(say("amy", "three").refusal?.reason, "too_many_messages");
  assert.equal(say("amy", "one").refusal, null);
});

test("one key in two conversations is two messages", () => {
  const { say } = openDoor({ messages_per_user: "1/min" });
  assert.equal(say("amy", "one", now, "t").refusal, null);
  assert.equal(say("amy", "one", now, "other").refusal?.reason, "too_many_messages");
});

test("a refused key is charged when it is sent again and passes", () => {
  const { say } = openDoor({ messages_per_user: "1/min" });
  say("amy", "one");
  assert.notEqual(say("amy", "two").refusal, null);
  assert.equal(say("amy", "two", now + 60_000).refusal, null);
  assert.notEqual(say("amy", "three", now + 60_000).refusal, null);
});

test("a flood is written down once a minute for each who is refused, and 100 times for all together", () => {
  const { say, refusals } = openDoor({ messages_per_deployment: "1/day" });
  say("amy");
  for (let tries = 0; tries < 1000; tries++) say("amy");
  say("bob");
  assert.deepEqual(refusals(), ["amy", "bob"]);
  say("amy", null, now + 60_000);
  assert.deepEqual(refusals(), ["amy", "bob", "amy"]);
  for (let user = 0; user < 1000; user++) say(`minted${user}`, null, now + 120_000);
  assert.equal(refusals().length, 3 + 100);
});

test("keys are forgotten after a day", () => {
  const { say, rows } = openDoor({ messages_per_user: "9/s" });
  say("amy", "one");
  say("amy", "two", now + 86_400_001);
  assert.equal(rows("charged"), 1);
});

test("a message is refused once the day's budget is spent, until the next day, and a key that was accepted is not", () => {
  const { say, budget } = openDoor({ tokens_per_day: 1000, messages_per_user: "1/min" });
  assert.equal(say("amy", "one").refusal, null);
  const paid = budget.reserve({ thread: "api:amy:t", input: 700, output: 200 }, now);
  assert.ok("reservation" in paid);
  assert.equal(say("bob").refusal, null);
  const { reservation } = paid;
  const detail = { reservation, input: 700, output: 200 };
  budget.settle("api:amy:t", { v: 1, at: "", event: "model_answered", detail }, now);
  const { refusal, headers } = say("eve");
  assert.deepEqual([refusal?.reason, refusal?.field], ["budget_spent", "limits.tokens_per_day"]);
  assert.deepEqual(headers, { "retry-after": "86400" });
  assert.equal(say("amy", "one").refusal, null);
  assert.equal(say("eve", null, now + 86_400_000).refusal, null);
});
