// What a listener hears of a turn: the same words whether it listens from the start, comes late, or reads the end alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlStorage } from "./fixtures/sql-storage.js";
import { Journal } from "./journal.ts";
import { Tail } from "./tail.ts";

function openTail() {
  const journal = new Journal(openSqlStorage() as unknown as SqlStorage);
  journal.addTurn("go", "hash", null, 5000);
  return { journal, tail: new Tail(journal) };
}

const call = { callId: "call_1", name: "act", arguments: '{"secret":"x"}' };

test("a turn that is not there is told as nothing", async () => {
  assert.equal(await openTail().tail.read(2, 0, 0), null);
});

test("words come step by step, each once, and the end repeats none of them", async () => {
  const { journal, tail } = openTail();
  journal.startWalk(1);
  assert.equal((await tail.read(1, 0, 0))?.text, "");
  journal.addStep(1, 1, "First.", { input: 3, output: 1 }, [call]);
  const first = await tail.read(1, 0, 0);
  assert.deepEqual([first?.state, first?.text, first?.created], ["running", "First.\n\n", 5]);
  journal.addStep(1, 2, "The end.", { input: 4, output: 2 }, []);
  journal.setTurnState(1, "done", "The end.\n[ambit] a note");
  const rest = await tail.read(1, first?.text.length ?? 0, 0);
  assert.deepEqual(
    [rest?.state, rest?.text, rest?.usage],
    ["done", "The end.\n[ambit] a note", { input: 7, output: 3 }],
  );
  assert.equal((await tail.read(1, 0, 0))?.text, "First.\n\nThe end.\n[ambit] a note");
});

test("a turn that failed keeps what it said, and then says why", async () => {
  const { journal, tail } = openTail();
  journal.addStep(1, 1, "First.", { input: 1, output: 1 }, [call]);
  journal.setTurnState(1, "failed", "I stopped.");
  assert.equal((await tail.read(1, 0, 0))?.text, "First.\n\nI stopped.");
});

test("what waits is shown without its arguments, and only while it waits", async () => {
  const { journal, tail } = openTail();
  journal.addStep(1, 1, "", { input: 1, output: 1 }, [call]);
  journal.hold("call_1", "impact", "later");
  journal.setTurnState(1, "waiting", "This waits.");
  const shown = [{ callId: "call_1", tool: "act", reason: "impact", expires: "later" }];
  assert.deepEqual((await tail.read(1, 0, 0))?.held, shown);
  journal.setTurnState(1, "running", "This waits.");
  const told = await tail.read(1, 0, 0);
  assert.deepEqual([told?.text, told?.held], ["", []]);
});

test("a listener is woken by what is written, and does not wait for what is there", async () => {
  const { journal, tail } = openTail();
  const later = tail.read(1, 0, 60_000);
  journal.addStep(1, 1, "Now.", { input: 1, output: 1 }, [call]);
  tail.announce();
  assert.equal((await later)?.text, "Now.\n\n");
  assert.equal((await tail.read(1, 0, 60_000))?.text, "Now.\n\n");
});

test("a turn after which something was said is not the last one", async () => {
  const { journal, tail } = openTail();
  assert.equal((await tail.read(1, 0, 0))?.isLast, true);
  journal.addTurn("more", "hash", null, 0);
  assert.equal((await tail.read(1, 0, 0))?.isLast, false);
});
