// A turn that another release began: nothing of it is begun any more, what was sent is asked after, and the user is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "./fixtures/sql-storage.js";
import { Journal } from "./journal.ts";
import { endReplaced } from "./replaced.ts";
import type { Outcome } from "./tools/run.ts";
import type { Rooms } from "./turn.ts";

/** A turn with one call; rooms in which anything but finding out what became of it is a fault. */
function openTurn(outcome: Outcome) {
  const journal = new Journal(openSqlStorage() as unknown as SqlStorage);
  journal.addTurn("go", "hash", null, 0);
  journal.addStep(1, 1, "", { input: 1, output: 0 }, [{ callId: "call_1", name: "act", arguments: "{}" }]);
  journal.setTurnState(1, "running", "");
  const fault = () => assert.fail("nothing may be begun");
  const rooms = {
    ...{ thread: "t", user: "amy", journal, commit: <T>(work: () => T) => work() },
    ...{ admit: fault, prepare: fault, reserve: fault, runner: { run: fault, recover: async () => outcome } },
  } as unknown as Rooms;
  const ended = async () => {
    await endReplaced(rooms, 1);
    const call = journal.call("call_1");
    return { turn: journal.turn(1), call: [call?.state, call?.reason], result: call?.result ?? "" };
  };
  return { journal, ended };
}

const done: Outcome = { ended: "done", text: "acted", labels: [] };
const unknown: Outcome = { ended: "unknown", text: "nobody knows", labels: [] };
const notSent: Outcome = { ended: "not_forwarded", why: "not_forwarded" };
const execute = (journal: Journal) => journal.execute({ callId: "call_1", attempt: 1, started: 0 }, "erp", "act", {});

test("a call that was only planned never runs", async () => {
  const { ended } = openTurn(done);
  const { turn, call, result } = await ended();
  assert.deepEqual([turn?.state, call], ["failed", ["ended", "failed"]]);
  assert.match(turn?.reply ?? "", /a new release replaced the one that I worked under/);
  assert.match(result, /did not run: a new release took over/);
});

test("a call that was sent is asked after, and what it came to is kept", async () => {
  const { journal, ended } = openTurn(done);
  execute(journal);
  const { turn, call, result } = await ended();
  assert.deepEqual([turn?.state, call, result], ["failed", ["ended", "done"], "acted"]);
});

test("a call that provably was not sent is not sent again", async () => {
  const { journal, ended } = openTurn(notSent);
  execute(journal);
  assert.deepEqual((await ended()).call, ["ended", "failed"]);
});

test("that nobody knows whether a call ran is said to the user", async () => {
  const { journal, ended } = openTurn(unknown);
  execute(journal);
  assert.match((await ended()).turn?.reply ?? "", /It is not known whether act ran \(call call_1\)/);
});

test("a call that waited for a person is void, and named", async () => {
  const { journal, ended } = openTurn(done);
  journal.hold("call_1", "impact", "later");
  const { turn, call } = await ended();
  assert.deepEqual(call, ["ended", "refused"]);
  assert.match(turn?.reply ?? "", /refused \(voided\).*act waited for a person; it did not run \(call call_1\)/);
});

test("a turn belongs to the release that began to walk it", () => {
  const { journal } = openTurn(done);
  assert.deepEqual([journal.walkedBy(1, "first"), journal.walkedBy(1, "second")], ["first", "first"]);
});
