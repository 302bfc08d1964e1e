// The life of held calls on the Ledger's real rooms, under random events in random order: calls, repeated calls, changed
// arguments, votes of anybody on anything, clocks that jump, redeploys, changed tools and kills. Whatever happens: what was
// denied, expired or voided never runs, one approval is used once at most and only when enough others gave it, and the
// chain only grows.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { ApprovalState } from "../../controls/wire/gate.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Admission } from "./admission.ts";
import { CallStore, callTables } from "./call-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { PinStore, pinTables, type SeenTool } from "./pin-store.ts";
import { Review } from "./review.ts";
import { RateStore } from "./rate-store.ts";
import { Rates } from "./rates.ts";
import { UseStore, useTables } from "./use-store.ts";
import { VoteStore, voteTables } from "./vote-store.ts";

const hour = 3_600_000;
const schema: JsonObject = { type: "object", properties: { n: { type: "integer" } }, additionalProperties: false };
const seen = (tool: string, hash = "a"): SeenTool => ({
  ...{ server: "erp", tool, hash: hash.repeat(64), description: "", schema },
});

/** `pay` needs two of finance, `send` anybody once, `note` nobody. The releases differ in who finance is. */
function release(id: number): Release {
  const finance = id === 0 ? ["fay", "gil", "*@audit.example"] : ["fay", "hal", "*@audit.example"];
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", approvers: { finance } },
    agent: { instructions: "./i.md", model: { provider: "anthropic", base_url: "https://a.example/v1", name: "m" } },
    servers: {
      erp: {
        url: "https://erp.example/mcp",
        tools: {
          pay: { effect: "irreversible", impact: "spend", authority: ["n"], review: { by: "finance", count: 2 } },
          send: { effect: "outward", impact: "customer", authority: ["n"] },
          note: { effect: "local", authority: ["n"] },
        },
      },
    },
  });
  return { v: 1, release: String(id).repeat(64), manifest, instructions: "", policy: null, recordFiles: {} };
}

const releases = [release(0), release(1)] as const;
const people = ["fay", "FAY", "gil", "hal", "ida@audit.example", "amy", "Amy", "eve"] as const;
const tools = ["pay", "send", "note"] as const;

type Command =
  | { kind: "admit"; call: number; n: number; thread: number }
  | { kind: "vote"; call: number; by: string; decision: "approve" | "deny"; stale: boolean }
  | { kind: "wait"; ms: number }
  | { kind: "expire" }
  | { kind: "deploy"; to: 0 | 1 }
  | { kind: "settle"; call: number; event: "succeed" | "fail" | "lose" }
  | { kind: "reword"; hash: string }
  | { kind: "freeze"; isFrozen: boolean }
  | { kind: "kill" };

const aCall = fc.nat({ max: 5 });
/** Votes and calls by far the most: otherwise little gets as far as a lease. */
const aCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("admit"),
      call: aCall,
      n: fc.constantFrom(1, 1, 1, 2),
      thread: fc.constantFrom(0, 0, 0, 1),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      ...{ kind: fc.constant("vote"), call: aCall, by: fc.constantFrom(...people) },
      ...{
        decision: fc.constantFrom("approve", "approve", "approve", "deny"),
        stale: fc.constantFrom(false, false, true),
      },
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait"), ms: fc.constantFrom(1, hour, 4 * hour, -hour) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("deploy"), to: fc.constantFrom(0, 1) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("settle"),
      call: aCall,
      event: fc.constantFrom("succeed", "fail", "lose"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reword"), hash: fc.constantFrom("a", "a", "b") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("freeze"), isFrozen: fc.constantFrom(true, false, false) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kill") }) },
) as fc.Arbitrary<Command>;

const idOf = (n: number): string => `call_0000000${n}`;
const ends: readonly ApprovalState[] = ["denied", "expired", "voided", "done", "failed", "unknown"];

/** One Ledger over one database; `kill` forgets everything that is not in it. */
class Desk {
  readonly #sql = openSqlStorage() as unknown as SqlStorage;
  #release: Release = releases[0];
  #now = 0;
  calls: CallStore;
  chain: ChainStore;
  #pins: PinStore;
  #review: Review;
  #admission: Admission;
  #isFrozen = false;
  readonly leases = new Map<string, Set<string>>();
  /** Who approved each call, as accepted, by the one name a person has here. */
  readonly approved = new Map<string, Set<string>>();

  constructor() {
    this.#sql.exec(chainTables + callTables + voteTables + pinTables + useTables);
    [this.calls, this.chain, this.#pins] = this.#openStores();
    [this.#review, this.#admission] = this.#openRooms();
    this.#pins.replaceAll(tools.map((tool) => seen(tool)));
  }

  run(command: Command): void {
    switch (command.kind) {
      case "admit":
        return this.#admit(command);
      case "vote":
        return this.#vote(command);
      case "wait":
        this.#now = Math.max(0, this.#now + command.ms);
        return;
      case "expire":
        for (const row of this.calls.overdue(this.#now, 50)) this.#review.end(row, "expire", this.#now);
        return;
      case "deploy":
        for (const row of this.calls.waiting(50)) this.#review.end(row, "void", this.#now);
        this.#release = releases[command.to];
        return this.#restart();
      case "settle": {
        const row = this.calls.get(idOf(command.call));
        if (row?.state === "executing") this.calls.move(row, command.event);
        return;
      }
      case "reword":
        this.#pins.observe("erp", [seen("pay", command.hash), seen("send"), seen("note")]);
        return;
      case "freeze":
        this.#isFrozen = command.isFrozen;
        return;
      case "kill":
        return this.#restart();
    }
  }

  #restart(): void {
    [this.calls, this.chain, this.#pins] = this.#openStores();
    [this.#review, this.#admission] = this.#openRooms();
  }

  #openStores(): [CallStore, ChainStore, PinStore] {
    return [new CallStore(this.#sql), new ChainStore(this.#sql, "ab"), new PinStore(this.#sql)];
  }

  #openRooms(): [Review, Admission] {
    const rooms = { release: this.#release, chain: this.chain, calls: this.calls, pins: this.#pins };
    const review = new Review(this.chain, this.calls, new VoteStore(this.#sql), this.#release);
    const rates = new Rates(this.#release.manifest.limits, new RateStore(this.#sql));
    const frozen = () => (this.#isFrozen ? "stop" : null);
    return [review, new Admission({ ...rooms, uses: new UseStore(this.#sql), rates, review, frozen })];
  }

  #admit({ call: number, n, thread }: Extract<Command, { kind: "admit" }>): void {
    const callId = idOf(number);
    const before = this.calls.get(callId);
    const name = tools[number % tools.length] ?? "pay";
    const place = { callId, thread: `t${thread}`, turn: number, user: "amy", entries: [] };
    const answer = this.#admission.admit({ ...place, name, arguments: { n } }, this.#now);
    if (answer.state !== "leased") return;
    assert.ok(before === undefined || !ends.includes(before.state), `${callId} runs although it was ${before?.state}`);
    assert.equal(this.#isFrozen, false);
    assert.deepEqual(this.calls.get(callId)?.action.arguments, { n }, "it runs as it was approved");
    assert.ok(name === "note" || before?.state === "approved" || before?.state === "executing");
    if (name === "pay") assert.ok((this.approved.get(callId)?.size ?? 0) >= 2);
    if (name === "send") assert.ok((this.approved.get(callId)?.size ?? 0) >= 1);
    this.leases.set(callId, (this.leases.get(callId) ?? new Set()).add(answer.lease));
  }

  #vote({ call: number, by, decision, stale }: Extract<Command, { kind: "vote" }>): void {
    const callId = idOf(number);
    const before = this.calls.get(callId);
    const actionHash = stale ? "0".repeat(64) : (before?.actionHash ?? "");
    const answer = this.#review.decide(callId, { decision, actionHash, by, note: "" }, this.#now);
    if ("refused" in answer) return;
    assert.equal(before?.state, "held");
    assert.equal(stale, false);
    if (decision === "deny") return assert.equal(answer.state, "denied");
    assert.notEqual(by.toLowerCase(), "amy", "whoever asked approves nothing");
    if (number % 3 === 0) assert.notEqual(by, "eve", "a stranger approves nothing");
    const given = this.approved.get(callId) ?? new Set();
    assert.ok(!given.has(by.toLowerCase()), "one person counts once");
    this.approved.set(callId, given.add(by.toLowerCase()));
  }
}

/** Plays commands and checks after each what must always hold; returns what was reached. */
function play(commands: readonly Command[]): Set<string> {
  const desk = new Desk();
  const told = new Map<string, ApprovalState>();
  const reached = new Set<string>();
  let last = desk.chain.standing();
  for (const command of commands) {
    desk.run(command);
    for (let n = 0; n <= 5; n++) {
      const state = desk.calls.get(idOf(n))?.state;
      const before = told.get(idOf(n));
      if (before !== undefined && ends.includes(before)) assert.equal(state, before, "an end is the end");
      if (state !== undefined) told.set(idOf(n), state);
      if (state !== undefined) reached.add(state);
    }
    const now = desk.chain.standing();
    assert.ok(now.sequence >= last.sequence);
    if (last.sequence > 0)
      assert.equal(desk.chain.read(last.sequence - 1, 1)[0]?.head, last.head, "the chain only grows");
    last = now;
  }
  for (const [callId, leases] of desk.leases) assert.equal(leases.size, 1, `${callId} has one lease`);
  const events = desk.chain.read(0, 10_000).map(({ entry }) => `${entry.event} ${entry.callId}`);
  for (const event of ["call_held", "call_admitted", "call_approved", "call_denied", "call_expired", "call_voided"]) {
    const ofEvent = events.filter((text) => text.startsWith(`${event} `));
    assert.equal(new Set(ofEvent).size, ofEvent.length, `${event} stands in the chain once a call`);
  }
  return reached;
}

test("no order of events makes a call run that was denied, expired or voided, or twice, or without its approvals", () => {
  const reached = new Set<string>();
  fc.assert(
    fc.property(fc.array(aCommand, { maxLength: 60, size: "max" }), (commands) => {
      for (const state of play(commands)) reached.add(state);
    }),
    { numRuns: 400 },
  );
  const all = ["held", "approved", "denied", "expired", "voided", "executing", "done", "failed", "unknown"];
  assert.deepEqual([...reached].sort(), all.sort(), "every state was reached");
});

test("the one way that leads to a payment: two of the role, then the same call again", () => {
  const vote = (by: string): Command => ({ kind: "vote", call: 0, by, decision: "approve", stale: false });
  const admit: Command = { kind: "admit", call: 0, n: 1, thread: 0 };
  const reached = play([admit, vote("fay"), { kind: "kill" }, vote("gil"), { kind: "kill" }, admit, admit]);
  assert.ok(reached.has("executing"));
  assert.ok(!play([admit, vote("fay"), vote("FAY"), vote("amy"), vote("eve"), admit]).has("approved"));
});

test("what was approved under one release does not count under another, whoever finance is there", () => {
  const vote = (by: string): Command => ({ kind: "vote", call: 0, by, decision: "approve", stale: false });
  const admit: Command = { kind: "admit", call: 0, n: 1, thread: 0 };
  const deploy: Command = { kind: "deploy", to: 1 };
  assert.ok(!play([admit, vote("fay"), deploy, vote("hal"), admit]).has("executing"));
  assert.ok(!play([admit, vote("fay"), vote("gil"), deploy, admit]).has("executing"));
});
