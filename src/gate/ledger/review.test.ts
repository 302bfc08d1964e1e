// What the Ledger keeps of decisions: who may, how many did, what is told when; and a thousand calls that wait.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Admission } from "./admission.ts";
import { CallStore, callTables } from "./call-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { PinStore, pinTables } from "./pin-store.ts";
import { Review, type Decision } from "./review.ts";
import { RateStore } from "./rate-store.ts";
import { Rates } from "./rates.ts";
import { UseStore, useTables } from "./use-store.ts";
import { VoteStore, voteTables } from "./vote-store.ts";

const schema: JsonObject = { type: "object", properties: { n: { type: "integer" } }, additionalProperties: false };

function release(finance: string[], id = "0"): Release {
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", approvers: { finance } },
    agent: { instructions: "./i.md", model: { provider: "anthropic", base_url: "https://a.example/v1", name: "m" } },
    servers: {
      erp: {
        url: "https://erp.example/mcp",
        tools: { pay: { effect: "irreversible", authority: ["n"], review: { by: "finance", count: 2 } } },
      },
    },
  });
  return { v: 1, release: id.repeat(64), manifest, instructions: "", policy: null, recordFiles: {} };
}

const old = release(["fay", "gil"]);

function openDesk() {
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(chainTables + callTables + voteTables + pinTables + useTables);
  const [chain, calls, pins] = [new ChainStore(sql, "ab"), new CallStore(sql), new PinStore(sql)];
  pins.replaceAll([{ server: "erp", tool: "pay", hash: "a".repeat(64), description: "", schema }]);
  const reviewOf = (of: Release) => new Review(chain, calls, new VoteStore(sql), of);
  const review = reviewOf(old);
  const [uses, rates] = [new UseStore(sql), new Rates(old.manifest.limits, new RateStore(sql))];
  const admission = new Admission({ release: old, chain, calls, pins, uses, rates, review, frozen: () => null });
  const admit = (callId = "call_00000001", user = "amy", turn = 1, now = 0) =>
    admission.admit({ callId, thread: `t-${user}`, turn, user, name: "pay", arguments: { n: 1 }, entries: [] }, now);
  const decide = (by: string, decision: Decision["decision"] = "approve", note = "", of = review) => {
    const actionHash = calls.get("call_00000001")?.actionHash ?? "";
    const answer = of.decide("call_00000001", { decision, actionHash, by, note }, 1);
    return "refused" in answer ? answer.refused : `${answer.state} ${answer.approvals.length} of ${answer.needed}`;
  };
  const view = () => review.view(calls.get("call_00000001") ?? assert.fail());
  const entries = () => chain.read(0, 100).map(({ entry }) => entry);
  return { sql, calls, review, reviewOf, admit, decide, view, entries };
}

const wordOf = (answer: ReturnType<Admission["admit"]>): string =>
  answer.state === "refused" ? answer.refusal.reason : answer.state;

test("the first of two approvals neither runs the call nor wakes its conversation, the second does both", () => {
  const { admit, decide, calls } = openDesk();
  assert.equal(wordOf(admit()), "held");
  assert.equal(decide("fay"), "held 1 of 2");
  assert.deepEqual([wordOf(admit()), calls.nextWake()], ["held", undefined]);
  assert.equal(decide("gil"), "approved 2 of 2");
  assert.deepEqual([calls.nextWake(), wordOf(admit()), wordOf(admit())], [1, "leased", "leased"]);
});

test("a second approver does not read what the first wrote, neither in the view nor in the chain, until the end", () => {
  const { admit, decide, view, entries } = openDesk();
  admit();
  decide("fay", "approve", "I know the supplier");
  assert.deepEqual([view().approvals[0]?.by, view().approvals[0]?.note, view().note], ["fay", null, null]);
  assert.doesNotMatch(JSON.stringify(entries()), /I know/);
  decide("gil", "deny", "I do not");
  assert.deepEqual([view().approvals[0]?.note, view().note], ["I know the supplier", "I do not"]);
  const { event, detail } = entries().at(-1) ?? assert.fail();
  assert.equal(event, "call_denied");
  assert.deepEqual(detail["approvals"], [{ by: "fay", note: "I know the supplier" }]);
});

test("approvals of a call that nobody decided in time are kept with its end", () => {
  const { admit, decide, calls, review, entries } = openDesk();
  admit();
  decide("fay", "approve", "fine");
  review.end(calls.get("call_00000001") ?? assert.fail(), "expire", 2);
  assert.deepEqual(entries().at(-1)?.detail["approvals"], [{ by: "fay", note: "fine" }]);
});

test("while a deploy only tries another release, nobody decides under it: not who is of the role there, nor who was", () => {
  const { admit, decide, reviewOf } = openDesk();
  admit();
  decide("fay");
  const tried = reviewOf(release(["hal", "fay", "gil"], "1"));
  for (const by of ["hal", "gil"]) assert.equal(decide(by, "approve", "", tried), "another_release");
  assert.equal(decide("hal", "deny", "", tried), "another_release");
  assert.equal(decide("gil"), "approved 2 of 2");
});

test("a call whose row says approved does not run when its votes do not say so", () => {
  for (const change of ["delete from votes where by = 'gil'", "update votes set by = 'eve' where by = 'gil'"]) {
    const { sql, admit, decide, calls } = openDesk();
    admit();
    decide("fay");
    decide("gil");
    sql.exec(change);
    assert.equal(wordOf(admit()), "not_approved", change);
    assert.equal(calls.get("call_00000001")?.state, "voided");
  }
});

test("the agent is told who ended a call and how, in words that tell a denial from silence", () => {
  const told = (end: (desk: ReturnType<typeof openDesk>) => void, now = 2): string => {
    const desk = openDesk();
    desk.admit();
    end(desk);
    const answer = desk.admit("call_00000001", "amy", 1, now);
    return answer.state === "refused" ? answer.refusal.message : answer.state;
  };
  assert.match(
    told(({ decide }) => decide("fay", "deny", "wrong\nIBAN")),
    /^a person denied this call; .*"wrong\ufffdIBAN"$/,
  );
  assert.match(
    told(({ decide }) => decide("AMY", "deny")),
    /^whoever asked for this call withdrew it$/,
  );
  const silence = told(() => undefined, 5 * 3_600_000);
  assert.match(silence, /^nobody decided in time/);
});

test("the sixth call of a turn and the twenty-first of a user are not held, whoever else waits, until one is decided", () => {
  const { admit, calls, review } = openDesk();
  const id = (n: number) => `call_9${String(n).padStart(7, "0")}`;
  for (let n = 0; n < 5; n++) assert.equal(wordOf(admit(id(n), "amy", 1)), "held");
  assert.equal(wordOf(admit(id(5), "amy", 1)), "too_many_held");
  assert.equal(wordOf(admit(id(0), "amy", 1)), "held", "the same call again is the same call");
  for (let n = 6; n < 21; n++) assert.equal(wordOf(admit(id(n), n % 2 ? "AMY" : "amy", n)), "held");
  assert.equal(wordOf(admit(id(21), "Amy", 21)), "too_many_held");
  assert.equal(wordOf(admit(id(22), "bob", 1)), "held");
  review.end(calls.get(id(0)) ?? assert.fail(), "expire", 1);
  assert.equal(wordOf(admit(id(23), "amy", 23)), "held");
});

test("a hundred calls that end in one moment wake their conversations a few at a time, the first first", () => {
  const { admit, calls, review } = openDesk();
  const id = (n: number) => `call_${String(n).padStart(8, "0")}`;
  for (let n = 0; n < 100; n++) admit(id(n), `u${n}`, n);
  assert.equal(
    review.endAll(() => calls.waiting(50), "void", 1),
    100,
  );
  const told: string[] = [];
  for (let due = calls.dueWakes(1); due.length > 0; due = calls.dueWakes(1)) {
    assert.ok(due.length <= 10);
    for (const { callId } of due) calls.dropWake(callId);
    told.push(...due.map(({ callId }) => callId));
  }
  assert.deepEqual(
    [...told].sort(),
    Array.from({ length: 100 }, (_, n) => id(n)),
  );
});

test("a thousand held calls of a hundred users are listed as far as they fit, and every question about them uses an index", () => {
  const { sql, admit, calls } = openDesk();
  for (let n = 0; n < 1000; n++)
    assert.equal(wordOf(admit(`call_${String(n).padStart(8, "0")}`, `u${n % 100}`, n)), "held");
  assert.deepEqual([calls.count("held"), calls.inState("held").length], [1000, 1000]);
  for (let n = 1000; n < 1010; n++) admit(`call_${String(n).padStart(8, "0")}`, `v${n}`, n);
  assert.deepEqual([calls.count("held"), calls.inState("held").length], [1010, 1000]);
  for (const query of [
    "select * from calls where state = 'held' order by created limit 1000",
    "select count(*) from calls where lower(user) = lower('u1') and state = 'held'",
    "select min(expires) from calls where state in ('held', 'approved')",
    "select * from votes where call_id = 'x' order by rowid",
  ]) {
    const plan = sql
      .exec(`explain query plan ${query}`)
      .toArray()
      .map((row) => String(row["detail"]));
    assert.ok(
      plan.some((step) => /USING (COVERING )?INDEX/.test(step)),
      `${query}: ${plan.join("; ")}`,
    );
    assert.doesNotMatch(plan.join(), /SCAN/);
  }
});
