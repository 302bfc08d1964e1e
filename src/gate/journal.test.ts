// What a thread remembers over a kill: that it was woken, how often it got no further, and no more than a prompt can hold.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "./fixtures/sql-storage.js";
import { Journal } from "./journal.ts";

function openJournal(): Journal {
  return new Journal(openSqlStorage() as unknown as SqlStorage);
}

function withCall(): Journal {
  const journal = openJournal();
  journal.addTurn("go", "hash", null, 0);
  journal.addStep(1, 1, "", { input: 1, output: 0 }, [{ callId: "call_1", name: "act", arguments: "{}" }]);
  return journal;
}

test("a call that is held waits, and its turn with it", () => {
  const journal = withCall();
  journal.setTurnState(1, "waiting", "");
  journal.hold("call_1", "impact", "later");
  assert.equal(journal.nextTurn(), undefined);
});

test("a wake-up that comes before the call is written down as held is not lost", () => {
  const journal = withCall();
  journal.wake("call_1");
  journal.hold("call_1", "impact", "later");
  journal.setTurnState(1, "waiting", "");
  assert.equal(journal.nextTurn()?.turn, 1);
});

test("a call that was woken and is held again waits again: nothing spins", () => {
  const journal = withCall();
  journal.hold("call_1", "impact", "later");
  journal.wake("call_1");
  journal.hold("call_1", "impact", "later");
  journal.setTurnState(1, "waiting", "");
  assert.equal(journal.nextTurn(), undefined);
});

test("walks that begin at the same place are counted, and no longer once the turn got further", () => {
  const journal = openJournal();
  journal.addTurn("go", "hash", null, 0);
  assert.deepEqual([journal.startWalk(1), journal.startWalk(1), journal.startWalk(1)], [1, 2, 3]);
  journal.addStep(1, 1, "", { input: 1, output: 0 }, [{ callId: "call_1", name: "act", arguments: "{}" }]);
  assert.deepEqual([journal.startWalk(1), journal.startWalk(1)], [1, 2]);
  journal.end("call_1", "done", "ok", []);
  assert.equal(journal.startWalk(1), 1);
  assert.equal(journal.turn(1)?.state, "running");
});

/** Five turns of 100 characters each: 60 of text and reply, 40 of a call and its result. */
function withTurns(): Journal {
  const journal = openJournal();
  for (let turn = 1; turn <= 5; turn++) {
    const callId = `call_${turn}`;
    journal.addTurn("t".repeat(40), "hash", null, 0);
    journal.addStep(turn, 1, "", { input: 1, output: 0 }, [{ callId, name: "act", arguments: "a".repeat(20) }]);
    journal.end(callId, "done", "r".repeat(20), []);
    journal.setTurnState(turn, "done", "r".repeat(20));
  }
  return journal;
}

test("a prompt gets the last turns that fit, oldest first, and is told when some are left out", () => {
  const before = (maxChars: number) => {
    const { turns, leftOut } = withTurns().turnsBefore(6, maxChars);
    return [turns.map(({ turn }) => turn), leftOut];
  };
  assert.deepEqual(before(500), [[1, 2, 3, 4, 5], false]);
  assert.deepEqual(before(499), [[2, 3, 4, 5], true]);
  assert.deepEqual(before(100), [[5], true]);
  assert.deepEqual(before(99), [[], true]);
});

test("turns that still run or wait in the queue are no past", () => {
  const journal = withTurns();
  journal.setTurnState(4, "queued", "");
  assert.deepEqual(
    journal.turnsBefore(6, 1000).turns.map(({ turn }) => turn),
    [1, 2, 3, 5],
  );
});

test("only calls whose end nobody knows are named as such", () => {
  const journal = withTurns();
  journal.end("call_2", "unknown", "?", []);
  assert.deepEqual([journal.unknownCalls(2).length, journal.unknownCalls(3).length], [1, 0]);
});
