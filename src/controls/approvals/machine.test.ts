// The life of a held call, explored whole: nothing runs twice, nothing that was refused runs at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { approvalState, type ApprovalState } from "../wire/gate.ts";
import { decideTransition, transitions, type ApprovalEvent } from "./machine.ts";

const states = approvalState.options;
const events: readonly ApprovalEvent[] = ["approve", "deny", "expire", "void", "execute", "succeed", "fail", "lose"];
/** Where nothing leads on. */
const ends: readonly ApprovalState[] = ["denied", "expired", "voided", "done", "failed", "unknown"];

const next = (state: ApprovalState, event: ApprovalEvent): ApprovalState | undefined => {
  const decided = decideTransition(state, event);
  return typeof decided === "string" ? decided : undefined;
};

/** State after a row of events; a refused event changes nothing. */
const walk = (from: ApprovalState, row: readonly ApprovalEvent[]): ApprovalState[] => {
  const visited = [from];
  for (const event of row) visited.push(next(visited.at(-1) ?? from, event) ?? visited.at(-1) ?? from);
  return visited;
};

/** Every pair that is allowed; the 61 others are refused. */
const allowed: readonly (readonly [ApprovalState, ApprovalEvent, ApprovalState])[] = [
  ["held", "approve", "approved"],
  ["held", "deny", "denied"],
  ["held", "expire", "expired"],
  ["held", "void", "voided"],
  ["approved", "execute", "executing"],
  ["approved", "expire", "expired"],
  ["approved", "void", "voided"],
  ["executing", "succeed", "done"],
  ["executing", "fail", "failed"],
  ["executing", "lose", "unknown"],
];

for (const state of states) {
  for (const event of events) {
    const row = allowed.find(([from, what]) => from === state && what === event);
    test(`a call that is ${state} ${row ? `becomes ${row[2]} on ${event}` : `refuses ${event}`}`, () => {
      const decided = decideTransition(state, event);
      if (row) return assert.equal(decided, row[2]);
      assert.deepEqual(decided, {
        control: "review",
        reason: "wrong_state",
        message: `a call that is ${state} cannot ${event}`,
      });
    });
  }
}

test("every state of the wire has its row, and no row names another", () => {
  assert.deepEqual(Object.keys(transitions).sort(), [...states].sort());
  const targets = Object.values(transitions).flatMap((row) => Object.values(row));
  assert.ok(targets.every((state) => states.includes(state)));
});

test("an event that every object has is refused", () => {
  for (const event of ["constructor", "toString", "__proto__", "hasOwnProperty", ""]) {
    const decided = decideTransition("held", event as ApprovalEvent);
    assert.equal(typeof decided === "object" && decided.reason, "wrong_state");
  }
});

/** What can be told of a call after a row of events. */
interface Told {
  readonly state: ApprovalState;
  readonly executions: number;
  /** The first end it reached, if any. */
  readonly ended: ApprovalState | null;
}

/** Everything that can be told after each row of up to `depth` events, refused ones among them. */
function tellAll(depth: number): Told[] {
  const known = new Map<string, Told>();
  let edge: Told[] = [{ state: "held", executions: 0, ended: null }];
  for (let step = 0; step <= depth; step++) {
    for (const told of edge) known.set(JSON.stringify(told), told);
    edge = edge.flatMap((told) =>
      events.map((event) => {
        const state = next(told.state, event) ?? told.state;
        const executions = told.executions + (state === "executing" && told.state !== "executing" ? 1 : 0);
        return { state, executions, ended: told.ended ?? (ends.includes(state) ? state : null) };
      }),
    );
    edge = [...new Map(edge.map((told) => [JSON.stringify(told), told])).values()];
  }
  return [...known.values()];
}

test("after every row of eight events, refused ones among them, a call ran once at most and an end is the end", () => {
  const all = tellAll(8);
  for (const { state, executions, ended } of all) {
    assert.ok(executions <= 1);
    if (ended !== null) assert.equal(state, ended);
    if (state === "denied" || state === "expired" || state === "voided") assert.equal(executions, 0);
    if (state === "done" || state === "failed" || state === "unknown") assert.equal(executions, 1);
  }
  assert.deepEqual(new Set(all.map(({ state }) => state)), new Set(states), "every state was reached");
});

test("whatever is tried in whatever order: one execution at most, none after a no, and the last word stays", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...events), { maxLength: 40 }), (row) => {
      const visited = walk("held", row);
      const entries = visited.filter((state, at) => state === "executing" && visited[at - 1] !== "executing");
      assert.ok(entries.length <= 1);
      const end = visited.findIndex((state) => ends.includes(state));
      if (end !== -1) assert.ok(visited.slice(end).every((state) => state === visited[end]));
      if (entries.length === 1) assert.ok(row.includes("approve") && row.includes("execute"));
    }),
    { numRuns: 5000 },
  );
});
