// The share of one user: how many turns walk at once, who goes next, and that nothing is left behind.
import assert from "node:assert/strict";
import { test } from "node:test";
import { apartMs, maxWaiting, maxWalking, Walking } from "./walking.ts";

/** Walks that end when they are told to. */
function openGate(apart = { about: 0, alone: 0 }) {
  const walking = new Walking(apart);
  const started: string[] = [];
  const ends: (() => void)[] = [];
  let count = 0;
  const start = (user: string, name = user, thread = `t${count++}`) =>
    walking.run(user, thread, () => {
      started.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const endNext = async () => {
    ends.shift()?.();
    await settle();
  };
  return { walking, started, start, settle, endNext };
}

test("so many turns of a user walk at once, and the next one waits until one of them ends", async () => {
  const { started, start, settle, endNext } = openGate();
  const all = Array.from({ length: maxWalking + 2 }, (_, n) => start("amy", `amy${n}`));
  await settle();
  assert.equal(started.length, maxWalking);
  await endNext();
  assert.equal(started.length, maxWalking + 1);
  assert.equal(started.at(-1), `amy${maxWalking}`);
  for (let n = 0; n < maxWalking + 1; n++) await endNext();
  await Promise.all(all);
});

test("a user who floods keeps nobody else from walking, and is one user under any spelling", async () => {
  const { started, start, settle } = openGate();
  for (let n = 0; n < maxWalking + 4; n++) void start(n % 2 === 0 ? "amy@acme.example" : "AMY@acme.example");
  await settle();
  assert.equal(started.length, maxWalking);
  void start("bob");
  await settle();
  assert.equal(started.at(-1), "bob");
});

test("walks that one user has at once begin apart, further while somebody else is about; one by one nobody waits", async (t) => {
  const { started, start, settle, endNext } = openGate(apartMs);
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const after = async (ms: number) => {
    t.mock.timers.tick(ms);
    await settle();
  };
  void start("bob");
  for (let n = 0; n < 3; n++) void start("amy");
  void start("carl");
  await settle();
  assert.deepEqual(started, ["bob", "amy", "carl"]);
  await after(apartMs.about - 1);
  assert.equal(started.length, 3);
  await after(1);
  await after(apartMs.about);
  assert.deepEqual(started, ["bob", "amy", "carl", "amy", "amy"]);
  // Carl asks again as soon as he is answered.
  for (let n = 0; n < 3; n++) await endNext();
  void start("carl");
  await settle();
  assert.deepEqual([started.length, started.at(-1)], [6, "carl"]);
  // Nobody else was about for a while, so nobody has to be left that much room.
  await after(2000);
  for (let n = 0; n < 2; n++) void start("dora");
  await settle();
  assert.equal(started.length, 7);
  await after(apartMs.alone);
  assert.equal(started.length, 8);
});

test("a user with too many conversations waiting is crowded, just then and not before", async () => {
  const { walking, start, settle, endNext } = openGate();
  for (let n = 0; n < maxWalking + maxWaiting - 1; n++) void start("amy");
  assert.equal(walking.isCrowded("amy"), false);
  void start("amy");
  assert.deepEqual([walking.isCrowded("amy"), walking.isCrowded("bob")], [true, false]);
  await settle();
  await endNext();
  assert.equal(walking.isCrowded("amy"), false);
});

test("a walk that throws gives its place back, and nothing is remembered of users who left", async () => {
  const walking = new Walking({ about: 0, alone: 0 });
  const fail = (_: unknown, n: number) => walking.run("amy", `t${n}`, () => Promise.reject(new Error("broken")));
  const results = await Promise.allSettled(Array.from({ length: 3 * maxWalking }, fail));
  assert.ok(results.every(({ status }) => status === "rejected"));
  assert.equal(walking.size, 0);
  await walking.run("amy", "t", () => Promise.resolve());
  assert.equal(walking.size, 0);
});

test("walks and waiting ones whose object ended in the middle keep no place once their conversations come again", async () => {
  const { walking, started, start, settle, endNext } = openGate();
  const threads = Array.from({ length: maxWalking + 2 }, (_, n) => `thread${n}`);
  for (const thread of threads) void start("amy", `dead ${thread}`, thread);
  await settle();
  assert.equal(started.length, maxWalking);
  for (const thread of threads) void start("amy", `again ${thread}`, thread);
  await settle();
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
