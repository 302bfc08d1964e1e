import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { parseSafely } from "./parse.ts";

const schema = z.strictObject({ by: z.string().min(1).max(9), list: z.array(z.int()).max(2).default([]) });

test("a length that is no number is refused and not thrown, at any depth", () => {
  for (const value of [
    { length: { toString: 1 } },
    { length: { toString: 1, valueOf: 1 } },
    { length: {} },
    { length: 5 },
  ]) {
    assert.equal(parseSafely(schema, { by: value }).success, false);
    assert.equal(parseSafely(schema, { by: "amy", list: value }).success, false);
  }
  const { data } = parseSafely(schema, { by: "amy" });
  assert.deepEqual(data, { by: "amy", list: [] });
});
