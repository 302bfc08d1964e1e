import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { chainId, genesis, headText, nextHead, writers, type Standing } from "./chain.ts";
import { entryDigest, linkAfter, type ChainEntry } from "./entry.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

test("no two chains without entries stand at the same head: not of two deployments, not of two writers", () => {
  const ids = ["alpha", "alphb"].flatMap((name) => writers.map((writer) => chainId(name, writer)));
  assert.equal(new Set(ids.map((id) => genesis(id).head)).size, 8);
  assert.deepEqual(genesis("alpha/gate"), { sequence: 0, head: digest("ambit-genesis-v1\nalpha/gate") });
});

test("entries in another order give another head", () => {
  const start = genesis("alpha/gate").head;
  const [one, two] = [digest("one"), digest("two")];
  assert.notEqual(nextHead(nextHead(start, one), two), nextHead(nextHead(start, two), one));
  assert.equal(nextHead(start, one), digest(`ambit-chain-v1\n${start}\n${one}`));
});

test("a chain without its last entry has another head", () => {
  const start = genesis("alpha/gate").head;
  assert.notEqual(nextHead(nextHead(start, digest("one")), digest("two")), nextHead(start, digest("one")));
});

test("what is signed names the chain, the number and the head", () => {
  assert.equal(headText("alpha/gate", { sequence: 7, head: "ab" }), "ambit-head-v1\nalpha/gate\n7\nab");
});

const details = fc.dictionary(fc.string({ maxLength: 4 }), fc.oneof(fc.string(), fc.integer(), fc.boolean()), {
  noNullPrototype: true,
  maxKeys: 3,
});
const bodies = fc.array(
  fc.record({ v: fc.constant(1 as const), at: fc.string(), event: fc.string(), detail: details }),
  { minLength: 1, maxLength: 12 },
);

test("a chain only grows: each entry has the next number, its own digest, and a head over all before it", () => {
  fc.assert(
    fc.property(bodies, (list) => {
      let at: Standing = genesis("alpha/gate");
      const heads = new Set([at.head]);
      for (const body of list) {
        const { text, digest: of, standing } = linkAfter(at, body);
        assert.equal(standing.sequence, at.sequence + 1);
        assert.equal(of, entryDigest(JSON.parse(text) as ChainEntry));
        assert.equal(standing.head, nextHead(at.head, of));
        at = standing;
        heads.add(at.head);
      }
      assert.equal(heads.size, list.length + 1);
    }),
    { numRuns: 150 },
  );
});

test("one entry changed, left out or moved gives another head at the end", () => {
  const end = (list: readonly object[]): string =>
    list.reduce<Standing>((at, body) => linkAfter(at, body as ChainEntry).standing, genesis("alpha/gate")).head;
  fc.assert(
    fc.property(bodies, fc.nat(), fc.nat(), (list, one, two) => {
      const [from, to] = [one % list.length, two % list.length];
      const changed = list.map((body, index) => (index === from ? { ...body, event: `${body.event}x` } : body));
      assert.notEqual(end(changed), end(list));
      assert.notEqual(end(list.toSpliced(from, 1)), end(list));
      const moved = list.toSpliced(from, 1).toSpliced(to, 0, ...list.slice(from, from + 1));
      assert.equal(end(moved) === end(list), JSON.stringify(moved) === JSON.stringify(list));
    }),
    { numRuns: 150 },
  );
});
