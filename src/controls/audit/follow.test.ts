import assert from "node:assert/strict";
import { test } from "node:test";
import type { Standing } from "./chain.ts";
import { linkAfter, type ChainEntry } from "./entry.ts";
import { beginning, followPage, pageAfter, type Headed } from "./follow.ts";

const start = beginning("clerk", "gate");

/** A chain of entries with these events. */
function chainOf(events: readonly string[], from: Standing = start): Headed[] {
  let standing = from;
  return events.map((event) => {
    const link = linkAfter(standing, { v: 1, at: "2026-01-01T00:00:00Z", event, detail: {} });
    standing = link.standing;
    return { entry: JSON.parse(link.text) as ChainEntry, head: standing.head };
  });
}

const whole = chainOf(["a", "b", "c", "d"]);
const held: Standing = { sequence: 2, head: whole[1]?.head ?? "" };
const other = chainOf(["a", "x", "c", "d"]);
const at = (chain: readonly Headed[], n: number): Headed => chain[n - 1] ?? assert.fail();

test("a whole chain is taken, from the beginning and from what is held", () => {
  assert.deepEqual(followPage(start, whole), {
    taken: whole,
    standing: { sequence: 4, head: at(whole, 4).head },
    fault: undefined,
  });
  assert.equal(pageAfter(start), 0);
  assert.equal(pageAfter(held), 1);
  assert.deepEqual(followPage(held, whole.slice(1)).taken, whole.slice(2));
  assert.deepEqual(followPage(held, [at(whole, 2)]), { taken: [], standing: held, fault: undefined });
  assert.deepEqual(followPage(start, []), { taken: [], standing: start, fault: undefined });
});

const changed: Headed = { ...at(whole, 3), entry: { ...at(whole, 3).entry, event: "z" } };
const rows: readonly [name: string, page: readonly Headed[], kind: string, sequence: number, taken: number][] = [
  ["nothing where an entry is held", [], "cut", 2, 0],
  ["a page that begins after what is held", whole.slice(2), "gap", 2, 0],
  ["another entry in place of the one that is held", other.slice(1), "fork", 2, 0],
  ["an entry left out", [at(whole, 2), at(whole, 4)], "gap", 3, 0],
  ["an entry twice", [at(whole, 2), at(whole, 3), at(whole, 3)], "gap", 4, 1],
  ["an entry that was changed", [at(whole, 2), changed, at(whole, 4)], "fork", 3, 0],
  ["the end of another chain", [at(whole, 2), at(whole, 3), at(other, 4)], "fork", 4, 1],
];
for (const [name, page, kind, sequence, taken] of rows) {
  test(`${name} is not followed, and is named`, () => {
    const followed = followPage(held, page);
    assert.deepEqual([followed.fault?.kind, followed.fault?.sequence], [kind, sequence]);
    assert.equal(followed.taken.length, taken);
    assert.equal(followed.standing.sequence, 2 + taken);
  });
}

test("a chain of another deployment is not followed from the beginning", () => {
  const fault = followPage(start, chainOf(["a"], beginning("other", "gate"))).fault;
  assert.deepEqual([fault?.kind, fault?.sequence], ["fork", 1]);
});
