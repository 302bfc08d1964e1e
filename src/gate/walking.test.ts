// The share of one user: how many turns walk at once, who goes next, and that nothing is left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { maxWaiting, maxWalking, Walking } from "./walking.ts";

/** Walks that end when they are told to. */
function openGate() {
  const walking = new Walking();
  const started: string[] = [];
  const ends: (() => void)[] = [];
  let count = 0;
  const start = (user: string, name = user, thread = `t${count++}`) =>
    walking.run(user, thread, () => {
      started.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const endNext = async () => {
    ends.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { walking, started, start, endNext };
}

test("so many turns of a user walk at once, and the next one waits until one of them ends", async () => {
  const { started, start, endNext } = openGate();
  const all = Array.from({ length: maxWalking + 2 }, (_, n) => start("amy", `amy${n}`));
  assert.equal(started.length, maxWalking);
  await endNext();
  assert.equal(started.length, maxWalking + 1);
  assert.equal(started.at(-1), `amy${maxWalking}`);
  for (let n = 0; n < maxWalking + 1; n++) await endNext();
  await Promise.all(all);
});

test("a user who floods keeps nobody else from walking, and is one user under any spelling", () => {
  const { started, start } = openGate();
  for (let n = 0; n < 20; n++) void start(n % 2 === 0 ? "amy@acme.example" : "AMY@acme.example");
  assert.equal(started.length, maxWalking);
  void start("bob");
  assert.equal(started.at(-1), "bob");
});

test("a user with too many conversations waiting is crowded, just then and not before", async () => {
  const { walking, start, endNext } = openGate();
  for (let n = 0; n < maxWalking + maxWaiting - 1; n++) void start("amy");
  assert.equal(walking.isCrowded("amy"), false);
  void start("amy");
  assert.deepEqual([walking.isCrowded("amy"), walking.isCrowded("bob")], [true, false]);
  await endNext();
  assert.equal(walking.isCrowded("amy"), false);
});

test("a walk that throws gives its place back, and nothing is remembered of users who left", async () => {
  const walking = new Walking();
  const fail = (_: unknown, n: number) => walking.run("amy", `t${n}`, () => Promise.reject(new Error("broken")));
  const results = await Promise.allSettled(Array.from({ length: 3 * maxWalking }, fail));
  assert.ok(results.every(({ status }) => status === "rejected"));
  assert.equal(walking.size, 0);
  await walking.run("amy", "t", () => Promise.resolve());
  assert.equal(walking.size, 0);
});

test("walks and waiting ones whose object ended in the middle keep no place once their conversations come again", async () => {
  const { walking, started, start, endNext } = openGate();
  const threads = Array.from({ length: maxWalking + 2 }, (_, n) => `thread${n}`);
  for (const thread of threads) void start("amy", `dead ${thread}`, thread);
  assert.equal(started.length, maxWalking);
  for (const thread of threads) void start("amy", `again ${thread}`, thread);
  assert.deepEqual(
    started.slice(maxWalking),
    threads.slice(0, maxWalking).map((thread) => `again ${thread}`),
  );
  // An old walk that ends after all gives no place away that is not its own.
  await endNext();
  assert.equal(started.length, 2 * maxWalking);
  for (let n = 0; n < 2 * maxWalking + 1; n++) await endNext();
  assert.deepEqual(
    started.slice(2 * maxWalking),
    threads.slice(maxWalking).map((thread) => `again ${thread}`),
  );
  assert.equal(walking.size, 0);
});
