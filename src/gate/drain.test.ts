// A process that ends: what walks goes on, nothing starts, and whoever waits is let go once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { untilRung } from "./bell.ts";
import { Drain } from "./drain.ts";

test("with nothing under way it has drained at once, and no turn starts any more", async () => {
  const drain = new Drain();
  assert.deepEqual([drain.isOn, drain.isClosing], [false, false]);
  assert.equal(await drain.run(10_000), 0);
  assert.deepEqual([drain.isOn, drain.isClosing], [true, false]);
});

test("it waits for a turn that walks, and for no longer than it may", async () => {
  const drain = new Drain();
  const { promise, resolve } = Promise.withResolvers<void>();
  const walk = drain.walk(() => promise);
  assert.equal(await drain.run(20), 1);
  const drained = drain.run(10_000);
  resolve();
  await walk;
  assert.equal(await drained, 0);
});

test("a turn that throws walks no more", async () => {
  const drain = new Drain();
  await assert.rejects(drain.walk(() => Promise.reject(new Error("broken"))));
  assert.equal(await drain.run(10_000), 0);
});

test("whoever waits is let go when it is said, not before", async () => {
  const drain = new Drain();
  let isGone = false;
  const waiting = untilRung([drain.closing], 60_000).finally(() => (isGone = true));
  await drain.run(0);
  assert.equal(isGone, false);
  drain.letGo();
  await waiting;
  assert.deepEqual([isGone, drain.isClosing], [true, true]);
});
