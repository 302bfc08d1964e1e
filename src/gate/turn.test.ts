// How the calls of a turn are walked when time is up, when a call provably did not run, and when nothing goes on any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ThreadEntry } from "../controls/audit/entry.ts";
import { manifestSchema } from "../controls/manifest/schema.ts";
import { openSqlStorage } from "./fixtures/sql-storage.js";
import { Journal } from "./journal.ts";
import type { AdmitAnswer, AdmitRequest } from "./ledger/admission.ts";
import type { AdmittedCall, Outcome } from "./tools/run.ts";
import { dismissTurn, giveUp, walkTurn, type Rooms } from "./turn.ts";

const minute = 60_000;
const leased: AdmitAnswer = { state: "leased", lease: "l", server: "erp", tool: "act", arguments: {} };
const held: AdmitAnswer = { state: "held", reason: "impact", expires: "later" };
const done: Outcome = { ended: "done", text: "acted", labels: [] };
const notSent: Outcome = { ended: "not_forwarded", why: "not_forwarded" };

/** A turn of at most a minute whose model has taken its one step, with one planned call, and rooms that say what they are told to. */
function openTurn(
  says: { admit?: readonly AdmitAnswer[]; run?: readonly Outcome[]; recover?: Outcome; frozen?: () => boolean } = {},
) {
  const journal = new Journal(openSqlStorage() as unknown as SqlStorage);
  journal.addTurn("go", "hash", null, 0);
  journal.addStep(1, 1, "", { input: 1, output: 0 }, [{ callId: "call_1", name: "act", arguments: "{}" }]);
  journal.setTurnState(1, "running", "");
  const ran: AdmittedCall[] = [];
  const told: ThreadEntry[] = [];
  let admitted = 0;
  const next = <T>(answers: readonly T[] | undefined, at: number, usual: T): T =>
    answers?.[at] ?? answers?.at(-1) ?? usual;
  const runner = {
    run: async (call: AdmittedCall) => next(says.run, ran.push(call) - 1, done),
    recover: async () => says.recover ?? done,
  };
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", limits: { steps_per_turn: 1, turn_timeout: "1m" } },
    agent: { instructions: "./i.md", model: { provider: "anthropic", base_url: "https://api.example/v1", name: "m" } },
  });
  const rooms = {
    ...{
      release: { v: 1, release: "0", manifest, instructions: "", policy: null, recordFiles: {} },
      thread: "t",
      user: "amy",
      journal,
    },
    isFrozen: async () => says.frozen?.() ?? false,
    ...{ commit: <T>(work: () => T) => work(), catalog: () => [], prepare: async () => undefined, runner },
    admit: async ({ entries }: AdmitRequest) => {
      told.push(...entries);
      return next(says.admit, admitted++, leased);
    },
  } as unknown as Rooms;
  const events = () => [...told, ...journal.unreported()].map(({ body }) => body.event);
  return { rooms, journal, ran, events };
}

test("a call that may run runs once, under its first attempt", async () => {
  const { rooms, journal, ran, events } = openTurn();
  await walkTurn(rooms, 1);
  assert.deepEqual(
    ran.map(({ callId, attempt }) => [callId, attempt]),
    [["call_1", 1]],
  );
  assert.deepEqual([journal.call("call_1")?.reason, events()], ["done", ["call_done", "turn_closed"]]);
});

test("a call that nobody has begun does not run after the turn's time", async () => {
  const { rooms, journal, ran } = openTurn();
  journal.addActiveTime(1, minute);
  await walkTurn(rooms, 1);
  assert.deepEqual([ran, journal.call("call_1")?.reason], [[], "failed"]);
});

test("a call that a person approved runs whatever time the turn took before", async () => {
  const { rooms, journal, ran } = openTurn({ admit: [held, leased] });
  await walkTurn(rooms, 1);
  assert.deepEqual([ran.length, journal.turn(1)?.state], [0, "waiting"]);
  journal.addActiveTime(1, minute);
  journal.wake("call_1");
  journal.startWalk(1);
  await walkTurn(rooms, 1);
  assert.deepEqual([ran.length, journal.call("call_1")?.reason], [1, "done"]);
});

test("a call that provably did not run is admitted again and runs under its next attempt", async () => {
  const { rooms, ran, events } = openTurn({ run: [notSent, done] });
  await walkTurn(rooms, 1);
  assert.deepEqual(
    ran.map(({ attempt }) => attempt),
    [1, 2],
  );
  assert.deepEqual(events(), ["call_planned_again", "call_done", "turn_closed"]);
});

test("a call that was let through in time gets its next attempt after it", async () => {
  const { rooms, journal, ran } = openTurn();
  journal.execute({ callId: "call_1", attempt: 1, started: 0 }, "erp", "act", {});
  journal.planAgain("call_1");
  journal.addActiveTime(1, minute);
  await walkTurn(rooms, 1);
  assert.deepEqual(
    ran.map(({ attempt }) => attempt),
    [2],
  );
});

test("a call that never gets through is given up after three attempts", async () => {
  const { rooms, ran, journal } = openTurn({ run: [notSent] });
  await walkTurn(rooms, 1);
  assert.deepEqual([ran.length, journal.call("call_1")?.reason], [3, "failed"]);
});

test("a call that is not allowed any more does not get a second attempt", async () => {
  const refusal = { control: "least-privilege", reason: "tool_quarantined", message: "changed" } as const;
  const { rooms, ran, journal } = openTurn({ run: [notSent], admit: [leased, { state: "refused", refusal }] });
  await walkTurn(rooms, 1);
  assert.deepEqual([ran.length, journal.call("call_1")?.reason], [1, "refused"]);
});

test("a call that was under way at a kill is asked after and not sent", async () => {
  const { rooms, journal, ran } = openTurn({ recover: { ended: "unknown", text: "?", labels: [] } });
  journal.execute({ callId: "call_1", attempt: 1, started: 0 }, "erp", "act", {});
  await walkTurn(rooms, 1);
  assert.deepEqual([ran, journal.call("call_1")?.reason], [[], "unknown"]);
  assert.match(journal.turn(1)?.reply ?? "", /It is not known whether act ran \(call call_1\)/);
});

test("what cannot go on is given up: said to be unknown when it may have run, and to have failed when not", () => {
  for (const [isSent, ending] of [
    [true, "unknown"],
    [false, "failed"],
  ] as const) {
    const { rooms, journal } = openTurn();
    if (isSent) journal.execute({ callId: "call_1", attempt: 1, started: 0 }, "erp", "act", {});
    giveUp(rooms, 1);
    assert.deepEqual([journal.call("call_1")?.reason, journal.turn(1)?.state], [ending, "running"]);
  }
});

test("a call that waits for a person is not given up, and its turn waits with it", async () => {
  const { rooms, journal } = openTurn();
  journal.hold("call_1", "impact", "later");
  giveUp(rooms, 1);
  await walkTurn(rooms, 1);
  assert.deepEqual([journal.call("call_1")?.state, journal.turn(1)?.state], ["held", "waiting"]);
});

test("a turn that has no call to give up is given up itself, and its user told", () => {
  const { rooms, journal, events } = openTurn();
  journal.end("call_1", "done", "ok", []);
  giveUp(rooms, 1);
  assert.match(journal.turn(1)?.reply ?? "", /^I stopped: something kept this turn from going on/);
  assert.deepEqual([journal.turn(1)?.state, events()], ["failed", ["turn_closed"]]);
});

/** A turn whose model has steps left. */
function openLong(says: Parameters<typeof openTurn>[0]) {
  const opened = openTurn(says);
  Object.assign(opened.rooms.release.manifest.limits, { steps_per_turn: 5 });
  return opened;
}

test("a turn that walks stops before its next model step when the deployment is frozen, and says so", async () => {
  const { rooms, journal, events } = openLong({ frozen: () => true });
  journal.end("call_1", "done", "ok", []);
  await walkTurn(rooms, 1);
  assert.deepEqual([journal.turn(1)?.state, journal.turn(1)?.steps], ["failed", 1]);
  assert.equal(journal.turn(1)?.reply, "I stopped: this deployment is frozen by its operator.");
  assert.deepEqual(events(), ["turn_closed"]);
});

test("while frozen no tool server is connected to; the Ledger alone says what becomes of a call", async () => {
  for (const frozen of [true, false]) {
    const refusal = { control: "workflow", reason: "frozen", message: "frozen" } as const;
    const { rooms, journal, ran } = openTurn({ frozen: () => frozen, admit: [{ state: "refused", refusal }] });
    let prepared = 0;
    await walkTurn({ ...rooms, prepare: async () => void prepared++ }, 1);
    assert.deepEqual([prepared, ran.length, journal.call("call_1")?.reason], [frozen ? 0 : 1, 0, "refused"]);
  }
});

test("a call that was under way at the freeze is asked after and its end written down, then the turn stops", async () => {
  const { rooms, journal, events } = openLong({ frozen: () => true });
  journal.execute({ callId: "call_1", attempt: 1, started: 0 }, "erp", "act", {});
  await walkTurn(rooms, 1);
  assert.deepEqual([journal.call("call_1")?.reason, journal.turn(1)?.state], ["done", "failed"]);
  assert.deepEqual(events(), ["call_done", "turn_closed"]);
});

test("a turn that is dismissed learns what was sent, runs nothing more and asks no model", async () => {
  const { rooms, journal, ran, events } = openTurn();
  journal.addStep(1, 2, "", { input: 1, output: 0 }, [
    { callId: "call_2", name: "act", arguments: "{}" },
    { callId: "call_3", name: "act", arguments: "{}" },
  ]);
  journal.execute({ callId: "call_1", attempt: 1, started: 1 }, "erp", "act", {});
  journal.hold("call_2", "impact", "later");
  await dismissTurn(rooms, 1);
  assert.deepEqual(
    ["call_1", "call_2", "call_3"].map((callId) => journal.call(callId)?.reason),
    ["done", "failed", "failed"],
  );
  assert.deepEqual([ran, journal.turn(1)?.state], [[], "failed"]);
  assert.match(journal.turn(1)?.reply ?? "", /not listed any more/);
  assert.deepEqual(events(), ["call_done", "call_failed", "call_failed", "turn_closed"]);
});
