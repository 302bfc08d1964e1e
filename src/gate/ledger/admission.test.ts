// What one approval is good for: one run of one call with exactly its arguments, until it expires, is voided or is used.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject, Refusal } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Overlay } from "../../controls/policy/overlay.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Admission, type AdmitRequest } from "./admission.ts";
import { CallStore, callTables } from "./call-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";
import { Review } from "./review.ts";
import { PinStore, pinTables, type SeenTool } from "./pin-store.ts";
import { UseStore, useTables } from "./use-store.ts";
import { VoteStore, voteTables } from "./vote-store.ts";

const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
const hour = 3_600_000;
const schema: JsonObject = { type: "object", properties: { n: { type: "integer" } }, additionalProperties: false };
const seen = (tool: string, hash = "a"): SeenTool => ({
  ...{ server: "erp", tool, hash: hash.repeat(64), description: "", schema },
});

function release(id = "0", limits: object = {}): Release {
  const contracts = {
    pay: { effect: "irreversible", impact: "spend", authority: ["n"], max: { per_day: 2 } },
    note: { effect: "local", authority: ["n"] },
  };
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model }, limits },
    servers: { erp: { url: "https://erp.example/mcp", tools: contracts } },
  });
  return { v: 1, release: id.repeat(64), manifest, instructions: "", policy: null, recordFiles: {} };
}

function openDesk(limits: object = {}, overlay?: Overlay) {
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(chainTables + callTables + voteTables + pinTables + useTables);
  const [chain, calls, pins] = [new ChainStore(sql, "ab"), new CallStore(sql), new PinStore(sql)];
  pins.replaceAll([seen("pay"), seen("note")]);
  const [votes, uses] = [new VoteStore(sql), new UseStore(sql)];
  const review = new Review(chain, calls, votes, release());
  const rates = new Rates(release("0", limits).manifest.limits, new RateStore(sql));
  const desk = (id?: string) =>
    new Admission({ release: release(id), chain, calls, pins, uses, rates, review, frozen: () => null, overlay });
  const events = () => chain.read(0, 100).map(({ entry }) => entry.event);
  return { desk: desk(), review, redeployed: desk("1"), calls, pins, events };
}

function ask(more: Partial<AdmitRequest> = {}): AdmitRequest {
  const place = { callId: "call_00000001", thread: "api:amy:t", turn: 1, user: "amy" };
  return { ...place, name: "pay", arguments: { n: 1 }, entries: [], ...more };
}

/** A desk with one call that is held, and the decision on exactly that. */
function withHeld() {
  const opened = openDesk();
  const answer = opened.desk.admit(ask(), 0);
  const actionHash = opened.calls.get("call_00000001")?.actionHash ?? "";
  const decide = (decision: "approve" | "deny", now = 1) =>
    opened.review.decide("call_00000001", { decision, actionHash, by: "eve", note: "" }, now);
  return { ...opened, answer, decide };
}

/** `leased`, `held`, or why not. */
function wordOf(answer: ReturnType<Admission["admit"]>): string {
  return answer.state === "refused" ? answer.refusal.reason : answer.state;
}

test("a harmless call gets a lease, and the same one after a kill", () => {
  const { desk } = openDesk();
  const first = desk.admit(ask({ name: "note" }), 0);
  assert.deepEqual([first.state, desk.admit(ask({ name: "note" }), 1)], ["leased", first]);
});

test("a lease does not fit other arguments", () => {
  const { desk } = openDesk();
  desk.admit(ask({ name: "note" }), 0);
  assert.equal(wordOf(desk.admit(ask({ name: "note", arguments: { n: 2 } }), 1)), "executing");
});

test("a call with impact is held, approved once, and leased once", () => {
  const { desk, decide, answer, calls } = withHeld();
  assert.equal(answer.state, "held");
  assert.ok(!("refused" in decide("approve")));
  assert.equal(wordOf(desk.admit(ask(), 2)), "leased");
  const again = decide("approve", 3);
  assert.equal("refused" in again && again.refused, "wrong_state");
  calls.move(calls.get("call_00000001") ?? assert.fail(), "succeed");
  assert.equal(wordOf(desk.admit(ask(), 4)), "done");
});

/** Each is one step away from the approved call that is leased. */
const beside: readonly (readonly [name: string, request: Partial<AdmitRequest>, word: string])[] = [
  ["another argument", { arguments: { n: 2 } }, "arguments_changed"],
  ["another thread", { thread: "api:bob:t" }, "arguments_changed"],
  ["another turn", { turn: 2 }, "arguments_changed"],
  ["another tool", { name: "note" }, "arguments_changed"],
  ["another call", { callId: "call_00000002" }, "held"],
  ["an argument more", { arguments: { n: 1, m: 1 } }, "bad_arguments"],
];

for (const [name, request, word] of beside) {
  test(`an approval does not fit ${name}`, () => {
    const { desk, decide } = withHeld();
    decide("approve");
    assert.equal(wordOf(desk.admit(ask(request), 2)), word);
  });
}

test("an overlay is asked before a call is held without approvals, and before it runs with those that count", () => {
  const asked: (readonly string[] | null)[] = [];
  let refusal: Refusal | undefined;
  const overlay: Overlay = { decide: ({ approvals }) => (asked.push(approvals), refusal) };
  const { desk, calls, review } = openDesk({}, overlay);
  assert.equal(wordOf(desk.admit(ask({ name: "note", callId: "call_00000009" }), 0)), "leased");
  assert.equal(wordOf(desk.admit(ask(), 0)), "held");
  // Killed while it waits, it is asked about again as one that waits.
  assert.equal(wordOf(desk.admit(ask(), 1)), "held");
  const actionHash = calls.get("call_00000001")?.actionHash ?? "";
  review.decide("call_00000001", { decision: "approve", actionHash, by: "eve", note: "" }, 2);
  refusal = { control: "workflow", reason: "forbidden_by_policy", message: "no" };
  assert.equal(wordOf(desk.admit(ask(), 3)), "forbidden_by_policy");
  assert.deepEqual(asked, [[], null, null, ["eve"]]);
  refusal = undefined;
  assert.equal(wordOf(desk.admit(ask(), 4)), "voided");
});

test("a call that an overlay forbids is not even held", () => {
  const overlay: Overlay = { decide: () => ({ control: "workflow", reason: "forbidden_by_policy", message: "no" }) };
  const { desk, calls } = openDesk({}, overlay);
  assert.deepEqual([wordOf(desk.admit(ask(), 0)), calls.get("call_00000001")], ["forbidden_by_policy", undefined]);
});

test("an overlay is told how often its tool ran, although the file bounds none of it", () => {
  const counts: number[] = [];
  const overlay: Overlay = { decide: ({ used }) => void counts.push(...Object.values(used.calls)) };
  const { desk } = openDesk({}, overlay);
  for (const n of [1, 2]) desk.admit(ask({ name: "note", callId: `call_0000000${n}` }), n);
  assert.deepEqual(counts, [0, 0, 0, 1, 1, 1]);
});

test("an approval does not outlive its release", () => {
  const { redeployed, decide } = withHeld();
  decide("approve");
  assert.equal(wordOf(redeployed.admit(ask(), 2)), "arguments_changed");
});

test("a lease that nobody used does not outlive its release or its tool, and the chain says how it ended", () => {
  const changes: ((desk: ReturnType<typeof openDesk>) => Admission)[] = [
    ({ redeployed }) => redeployed,
    ({ desk, pins }) => {
      pins.observe("erp", [seen("pay"), seen("note", "b")]);
      pins.accept("erp", "note", "b".repeat(64));
      return desk;
    },
  ];
  for (const change of changes) {
    const opened = openDesk();
    assert.equal(wordOf(opened.desk.admit(ask({ name: "note" }), 0)), "leased");
    const other = opened.desk.admit(ask({ name: "note", thread: "api:bob:t" }), 1);
    assert.deepEqual([wordOf(other), opened.calls.get("call_00000001")?.state], ["executing", "executing"]);
    assert.equal(wordOf(change(opened).admit(ask({ name: "note" }), 2)), "voided");
    assert.equal(opened.calls.get("call_00000001")?.state, "failed");
    assert.deepEqual(opened.events(), ["call_admitted", "call_refused"]);
  }
});

test("an approval does not outlive its clock, and not deciding is no", () => {
  const { desk, decide } = withHeld();
  decide("approve");
  assert.equal(wordOf(desk.admit(ask(), 4 * hour)), "expired");
  const late = withHeld().decide("approve", 4 * hour);
  assert.equal("refused" in late && late.refused, "wrong_state");
});

test("what was denied does not run", () => {
  const { desk, decide } = withHeld();
  decide("deny");
  assert.equal(wordOf(desk.admit(ask(), 2)), "denied");
});

test("a decision on another action is refused and changes nothing", () => {
  const { review, calls } = withHeld();
  const decision = { decision: "approve", actionHash: "0".repeat(64), by: "eve", note: "" } as const;
  const answer = review.decide("call_00000001", decision, 1);
  assert.equal("refused" in answer && answer.refused, "arguments_changed");
  assert.equal(calls.get("call_00000001")?.state, "held");
});

test("a tool that changed after the approval does not run, and the approval is over", () => {
  const { desk, decide, calls, pins } = withHeld();
  decide("approve");
  pins.observe("erp", [seen("pay", "b"), seen("note")]);
  assert.equal(wordOf(desk.admit(ask(), 2)), "tool_quarantined");
  assert.equal(calls.get("call_00000001")?.state, "voided");
  pins.accept("erp", "pay", "b".repeat(64));
  assert.equal(wordOf(desk.admit(ask(), 3)), "voided");
});

test("a tool that its server no longer has is refused in other words", () => {
  const { desk, pins } = openDesk();
  pins.observe("erp", [seen("note")]);
  assert.equal(wordOf(desk.admit(ask(), 0)), "tool_absent");
});

test("the third call of a day is refused, and so is one that was approved before the second ran", () => {
  const { desk, review, calls } = openDesk();
  const request = (n: number) => ask({ callId: `call_0000000${n}`, turn: n });
  const approve = (n: number) => {
    const actionHash = calls.get(`call_0000000${n}`)?.actionHash ?? "";
    review.decide(`call_0000000${n}`, { decision: "approve", actionHash, by: "eve", note: "" }, 1);
  };
  for (const n of [1, 2, 3]) desk.admit(request(n), 0);
  for (const n of [1, 2, 3]) approve(n);
  assert.deepEqual(
    [1, 2, 3].map((n) => wordOf(desk.admit(request(n), 2))),
    ["leased", "leased", "limit_reached"],
  );
  assert.equal(calls.get("call_00000003")?.state, "voided");
});

test("every decision stands in the chain, in its order", () => {
  const { desk, decide, events } = withHeld();
  decide("approve");
  desk.admit(ask(), 2);
  assert.deepEqual(events(), ["call_held", "approval_given", "call_approved", "call_admitted"]);
});

test("a list of calls ends where an answer would get too large, and is never empty for that", () => {
  const listed = (chars: number) => {
    const { calls } = withHeld();
    const row = calls.get("call_00000001") ?? assert.fail();
    const action = { ...row.action, arguments: { text: "x".repeat(chars) } };
    for (let n = 0; n < 4; n++) calls.insert({ ...row, action, state: "denied", callId: `call_${n}` });
    return calls.inState("denied").length;
  };
  assert.deepEqual([listed(240_000), listed(340_000), listed(2_000_000)], [4, 2, 1]);
});

test("a note keeps no line of its own", () => {
  const { decide, review, calls } = withHeld();
  const actionHash = calls.get("call_00000001")?.actionHash ?? "";
  review.decide("call_00000001", { decision: "deny", actionHash, by: "eve", note: "no\r\nambit: approved\u202e" }, 1);
  assert.doesNotMatch(calls.get("call_00000001")?.note ?? "", /\p{Cc}|\u202e/u);
  assert.ok("refused" in decide("approve", 2));
});

test("a call over the user's limit of calls is refused; the same call again is charged once", () => {
  const { desk } = openDesk({ calls_per_user: "2/min" });
  const note = (n: number, user = "amy") =>
    wordOf(desk.admit(ask({ name: "note", callId: `call_0000000${n}`, thread: `api:${user}:t`, user }), 0));
  assert.deepEqual(
    [note(1), note(1), note(1), note(2), note(3)],
    ["leased", "leased", "leased", "leased", "limit_reached"],
  );
  assert.equal(note(4, "bob"), "leased");
});

test("a call that waits for a person is charged when it may run and not before", () => {
  const { desk, review, calls } = openDesk({ calls_per_deployment: "1/min" });
  assert.equal(wordOf(desk.admit(ask(), 0)), "held");
  assert.equal(wordOf(desk.admit(ask({ name: "note", callId: "call_00000002" }), 0)), "leased");
  const actionHash = calls.get("call_00000001")?.actionHash ?? "";
  review.decide("call_00000001", { decision: "approve", actionHash, by: "eve", note: "" }, 1);
  assert.equal(wordOf(desk.admit(ask(), 2)), "limit_reached");
  assert.equal(calls.get("call_00000001")?.state, "voided");
});
