// One entry of a chain: whatever is changed in it after the fact shows in its digest.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { entryDigest, type ChainEntry } from "./entry.ts";

const entry: ChainEntry = {
  v: 1,
  seq: 7,
  at: "2026-05-03T10:00:00.000Z",
  event: "call_admitted",
  thread: "t1",
  turn: 2,
  callId: "call_000000000000000000000000",
  detail: { tool: "pay_invoice", amount_cents: 420_000, by: null, tags: ["a", "b"], nested: { ok: true } },
};
const { thread: _thread, ...withoutThread } = entry;
const { detail: _detail, ...withoutDetail } = entry;

/** The entry with one thing done to it. */
const changed: readonly (readonly [name: string, other: object])[] = [
  ["its version", { ...entry, v: 2 }],
  ["its number", { ...entry, seq: 8 }],
  ["its number as text", { ...entry, seq: "7" }],
  ["its time by a millisecond", { ...entry, at: "2026-05-03T10:00:00.001Z" }],
  ["the same time in other words", { ...entry, at: "2026-05-03T12:00:00.000+02:00" }],
  ["its event", { ...entry, event: "call_refused" }],
  ["its thread", { ...entry, thread: "t2" }],
  ["its thread, left out", withoutThread],
  ["its thread, emptied", { ...entry, thread: "" }],
  ["its turn", { ...entry, turn: 3 }],
  ["its call", { ...entry, callId: "call_000000000000000000000001" }],
  ["its detail, left out", withoutDetail],
  ["its detail, emptied", { ...entry, detail: {} }],
  ["one cent", { ...entry, detail: { ...entry.detail, amount_cents: 420_001 } }],
  ["nothing into false", { ...entry, detail: { ...entry.detail, by: false } }],
  ["the order of a list", { ...entry, detail: { ...entry.detail, tags: ["b", "a"] } }],
  ["a nested word", { ...entry, detail: { ...entry.detail, nested: { ok: false } } }],
  ["one member more", { ...entry, note: "x" }],
  ["a member moved into its detail", { ...withoutThread, detail: { ...entry.detail, thread: "t1" } }],
];

for (const [name, other] of changed) {
  test(`changing ${name} changes the digest`, () => {
    assert.notEqual(entryDigest(other as ChainEntry), entryDigest(entry));
  });
}

test("no two of these entries share a digest", () => {
  const digests = changed.map(([, other]) => entryDigest(other as ChainEntry));
  assert.equal(new Set([...digests, entryDigest(entry)]).size, changed.length + 1);
});

test("the order in which an entry was written down does not count", () => {
  const { detail, ...rest } = entry;
  const turned = {
    detail: Object.fromEntries(Object.entries(detail).reverse()),
    ...Object.fromEntries(Object.entries(rest).reverse()),
  };
  assert.equal(entryDigest(turned as unknown as ChainEntry), entryDigest(entry));
  assert.equal(entryDigest(JSON.parse(JSON.stringify(entry)) as ChainEntry), entryDigest(entry));
  assert.match(entryDigest(entry), /^[0-9a-f]{64}$/);
});

test("half a character, as a model may name a tool or a cut may leave it, cannot stop the chain", () => {
  const broken = { ...entry, detail: { tool: "\u{1f600}".repeat(40).slice(0, 63), user: "\udc00" } };
  assert.match(entryDigest(broken), /^[0-9a-f]{64}$/);
  assert.notEqual(entryDigest(broken), entryDigest({ ...broken, detail: { ...broken.detail, user: "x" } }));
});

test("any other text in any member gives another digest", () => {
  const words = fc.string({ unit: "binary", maxLength: 5 });
  fc.assert(
    fc.property(fc.constantFrom("event", "thread", "callId", "at"), words, words, (member, one, two) => {
      const digest = (text: string) => entryDigest({ ...entry, [member]: text });
      assert.equal(digest(one) === digest(two), one === two);
    }),
    { numRuns: 250 },
  );
});
