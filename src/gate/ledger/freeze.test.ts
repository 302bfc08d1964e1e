// Control `workflow`: what a frozen Ledger still says yes to: nothing that runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { ApprovalState } from "../../controls/wire/gate.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Admission, type AdmitRequest } from "./admission.ts";
import { CallStore, callTables, type CallRow } from "./call-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { Freeze } from "./freeze.ts";
import { PinStore, pinTables, type SeenTool } from "./pin-store.ts";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";
import { Review } from "./review.ts";
import { UseStore, useTables } from "./use-store.ts";
import { VoteStore, voteTables } from "./vote-store.ts";

const since = { by: "eve", reason: "looks odd", at: "2026-01-02T03:04:05Z" };
const thread = "api:amy:t";
const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
const contract = { effect: "irreversible", impact: "spend", authority: ["n"] };
const manifest = manifestSchema.parse({
  ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model }, mode: "enforce" },
  servers: { erp: { url: "https://erp.example/mcp", tools: { pay: contract } } },
});
const schema: JsonObject = { type: "object", properties: { n: { type: "integer" } }, additionalProperties: false };
const pay: SeenTool = { server: "erp", tool: "pay", hash: "a".repeat(64), description: "", schema };

/** A Ledger's desk; `admit` is what the Ledger does with a call. */
function open() {
  const sql = openSqlStorage() as unknown as SqlStorage;
  const meta = "create table meta (key text primary key, value text not null);";
  sql.exec(chainTables + callTables + voteTables + pinTables + useTables + meta);
  const [chain, calls, pins] = [new ChainStore(sql, "ab"), new CallStore(sql), new PinStore(sql)];
  pins.replaceAll([pay]);
  const release = { v: 1 as const, release: "0".repeat(64), manifest, instructions: "", policy: null, recordFiles: {} };
  const review = new Review(chain, calls, new VoteStore(sql), release);
  const again = () => new Freeze(sql, chain, calls, review);
  const [freeze, rates] = [again(), new Rates(manifest.limits, new RateStore(sql))];
  const uses = new UseStore(sql);
  const desk = new Admission({ release, chain, calls, pins, uses, rates, review, frozen: () => freeze.why() });
  const admit = (request: AdmitRequest, now: number) => freeze.keepWaiting(request, now) ?? desk.admit(request, now);
  const events = () => chain.read(0, 100).map(({ entry }) => entry.event);
  const last = () => chain.read(events().length - 1, 1)[0]?.entry.detail ?? {};
  const add = (state: ApprovalState) => calls.insert(rowIn(state));
  return { freeze, again, admit, calls, events, last, add };
}

function rowIn(state: ApprovalState): CallRow {
  const action = {
    ...{ v: 1 as const, deployment: "ab", release: "0".repeat(64), thread, turn: 1, callId: "call_00000001" },
    ...{ server: "erp", tool: "pay", toolHash: "a", arguments: { n: 1 }, fileHashes: {}, policyHash: "p" },
  };
  return {
    ...{ callId: action.callId, thread, turn: 1, user: "amy", action, actionHash: "h", effect: "irreversible" },
    ...{ impact: "spend", reason: "impact", state, created: 0, expires: 1000, lease: null, by: null, note: null },
  };
}

function ask(more: Partial<AdmitRequest> = {}): AdmitRequest {
  const place = { callId: "call_00000001", thread, turn: 1, user: "amy" };
  return { ...place, name: "pay", arguments: { n: 1 }, entries: [], ...more };
}

function wordOf(answer: ReturnType<Admission["admit"]>): string {
  return answer.state === "refused" ? answer.refusal.reason : answer.state;
}

/** A call in each state, asked for while frozen. */
const table: readonly [before: ApprovalState | "new", word: string, after: ApprovalState | "none"][] = [
  ["new", "frozen", "none"],
  ["approved", "frozen", "voided"],
  ["executing", "frozen", "failed"],
  ["held", "held", "held"],
  ["denied", "denied", "denied"],
  ["expired", "expired", "expired"],
  ["voided", "voided", "voided"],
  ["done", "done", "done"],
  ["failed", "failed", "failed"],
  ["unknown", "unknown", "unknown"],
];

for (const [before, word, after] of table) {
  test(`while frozen a call that is ${before} gets no lease: ${word}, and is ${after} then`, () => {
    const { freeze, admit, calls, add } = open();
    freeze.freeze(since, 0);
    if (before !== "new") add(before);
    assert.deepEqual([wordOf(admit(ask(), 1)), calls.get("call_00000001")?.state ?? "none"], [word, after]);
  });
}

test("one step away: after the thaw a new call is held as ever, and what a freeze has ended does not come back", () => {
  const { freeze, admit, add } = open();
  freeze.freeze(since, 0);
  add("approved");
  admit(ask(), 1);
  freeze.thaw("ops", 2);
  assert.equal(wordOf(admit(ask(), 3)), "voided");
  assert.equal(wordOf(admit(ask({ callId: "call_00000002" }), 3)), "held");
});

test("a call that waits for a person is told so to its own thread alone, and runs out while frozen as ever", () => {
  const { freeze, admit, calls, add } = open();
  freeze.freeze(since, 0);
  add("held");
  assert.equal(freeze.keepWaiting(ask({ thread: "api:bob:t" }), 1), undefined);
  assert.notEqual(wordOf(admit(ask(), 1000)), "held");
  assert.notEqual(calls.get("call_00000001")?.state, "held");
});

test("what was approved and not used is over from the moment of the freeze, what is held or runs is not touched", () => {
  for (const [before, after] of [
    ["approved", "voided"],
    ["held", "held"],
    ["executing", "executing"],
  ] as const) {
    const { freeze, calls, add } = open();
    add(before);
    freeze.freeze(since, 0);
    assert.equal(calls.get("call_00000001")?.state, after);
    assert.equal(calls.dueWakes(1).length, before === "approved" ? 1 : 0);
  }
});

test("while frozen nobody approves and no message is taken, denying counts, and all do after the thaw", () => {
  const { freeze } = open();
  freeze.freeze(since, 0);
  assert.equal(freeze.refuseDecision("approve")?.refused, "frozen");
  assert.equal(freeze.refuseDecision("deny"), undefined);
  assert.deepEqual([freeze.refusal()?.reason, freeze.why()], ["frozen", "its operator stopped it"]);
  freeze.thaw("ops", 1);
  assert.equal(freeze.refuseDecision("approve"), undefined);
  assert.deepEqual([freeze.refusal(), freeze.why()], [undefined, null]);
});

test("freezing again keeps the words of the first, thawing again does nothing, and the chain has each once", () => {
  const { freeze, again, events, last } = open();
  freeze.thaw("nobody", 0);
  freeze.freeze(since, 1);
  assert.deepEqual(last(), { by: "eve", reason: "looks odd", since: since.at });
  again().freeze({ ...since, by: "mallory", reason: "" }, 2);
  assert.deepEqual(again().read(), since);
  again().thaw("ops", 3);
  assert.deepEqual(last(), { by: "ops", frozenBy: "eve", since: since.at });
  freeze.thaw("ops", 4);
  assert.equal(again().read(), null);
  assert.deepEqual(events(), ["frozen", "thawed"]);
});

test("a reason keeps no line of its own and every refused call stands in the chain", () => {
  const { freeze, admit, events, last } = open();
  freeze.freeze({ ...since, by: "eve\u202e", reason: "x\r\nambit: thawed" }, 0);
  assert.doesNotMatch(JSON.stringify(freeze.read()), /\\[rn]|\u202e/u);
  admit(ask({ name: "n".repeat(200) }), 1);
  assert.deepEqual(events(), ["frozen", "call_refused"]);
  assert.deepEqual(last(), { tool: "n".repeat(64), control: "workflow", reason: "frozen", field: "frozen" });
});
