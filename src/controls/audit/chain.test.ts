import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { genesisHead, nextHead } from "./chain.ts";

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

test("the head of two deployments without entries is never the same", () => {
  assert.notEqual(genesisHead("alpha"), genesisHead("alphb"));
  assert.equal(genesisHead("alpha"), digest("ambit-genesis-v1\nalpha"));
});

test("entries in another order give another head", () => {
  const start = genesisHead("alpha");
  const [one, two] = [digest("one"), digest("two")];
  assert.notEqual(nextHead(nextHead(start, one), two), nextHead(nextHead(start, two), one));
  assert.equal(nextHead(start, one), digest(`ambit-chain-v1\n${start}\n${one}`));
});

test("a chain without its last entry has another head", () => {
  const start = genesisHead("alpha");
  assert.notEqual(nextHead(nextHead(start, digest("one")), digest("two")), nextHead(start, digest("one")));
});
