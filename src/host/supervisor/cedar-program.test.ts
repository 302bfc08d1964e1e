import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRelease } from "./fixtures/stand.ts";
import { CedarProgram } from "./cedar-program.ts";

const plain = makeRelease("plain");
const ruled = { ...plain, policy: "" };
const programs = { gate: "/gate.js", wasm: "/cedar.wasm" };

test("a release without a policy file needs nothing and brings nothing", async () => {
  const cedar = new CedarProgram(() => assert.fail("brought"));
  await cedar.prepare(plain);
  assert.deepEqual([cedar.faultOf(plain), cedar.find(plain)], [undefined, undefined]);
});

test("a release with a policy file does not start before its program is there, even when the policies are empty", async () => {
  let brought = 0;
  const cedar = new CedarProgram(async () => (brought++, programs));
  assert.throws(() => cedar.find(ruled), /the program with Cedar in it is not there/);
  await Promise.all([cedar.prepare(ruled), cedar.prepare(ruled)]);
  assert.deepEqual([brought, cedar.find(ruled), cedar.find(plain)], [1, programs, undefined]);
});

test("a program that could not be brought is said and tried again", async () => {
  let tries = 0;
  const cedar = new CedarProgram(async () => (tries++ === 0 ? assert.fail("no such file") : programs));
  await assert.rejects(cedar.prepare(ruled), /no such file/);
  assert.equal(cedar.faultOf(ruled), "no such file");
  await cedar.prepare(ruled);
  assert.equal(cedar.faultOf(ruled), undefined);
});
