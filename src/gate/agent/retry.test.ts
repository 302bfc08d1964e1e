// Asking a model again: how often, how long, and what is never asked again.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ModelError, type ModelAnswer } from "./model.ts";
import { askWithRetries, maxAttempts } from "./retry.ts";

const answer: ModelAnswer = { text: "ok", calls: [], input: 1, output: 0 };
const soon = (): number => Date.now() + 60_000;
const isFinal = (message: RegExp) => (thrown: unknown) => thrown instanceof ModelError && message.test(thrown.message);

/** Runs `work` on a clock that jumps to the next timer; returns how much time went by on it, milliseconds. */
async function onFastClock(context: TestContext, work: () => Promise<unknown>): Promise<number> {
  context.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  let ended = false;
  const done = work().finally(() => (ended = true));
  for (let turn = 0; turn < 2000 && !ended; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!ended) context.mock.timers.tick(100);
  }
  await done;
  const spent = Date.now() - 1_000_000;
  context.mock.timers.reset();
  return spent;
}

/** A model that fails with each of `errors` and then answers. */
function failing(...errors: unknown[]) {
  const asked = { times: 0 };
  const ask = (): Promise<ModelAnswer> => {
    const error = errors[asked.times];
    asked.times += 1;
    return error === undefined ? Promise.resolve(answer) : Promise.reject(error);
  };
  return { asked, ask };
}

test("a model that answers is asked once", async () => {
  const { asked, ask } = failing();
  assert.equal(await askWithRetries(ask, soon()), answer);
  assert.equal(asked.times, 1);
});

test("a model that fails and then answers is asked again, with longer and longer pauses", async (context) => {
  const { asked, ask } = failing(...Array.from({ length: maxAttempts - 1 }, () => new ModelError("busy", true)));
  const spent = await onFastClock(context, async () => assert.equal(await askWithRetries(ask, soon()), answer));
  assert.equal(asked.times, maxAttempts);
  assert.ok(spent >= 500 + 1000 + 2000 && spent < 5000, `${spent}`);
});

test("a model that never answers is asked four times and no fifth", async (context) => {
  const { asked, ask } = failing(...Array.from({ length: 10 }, () => new ModelError("busy", true)));
  await onFastClock(context, () => assert.rejects(askWithRetries(ask, soon()), isFinal(/^busy$/)));
  assert.equal(asked.times, maxAttempts);
});

test("what cannot help is never asked again, and an unknown error neither", async () => {
  for (const error of [new ModelError("wrong key", false), new TypeError("a bug"), "text", { retry: true }]) {
    const { asked, ask } = failing(error);
    await assert.rejects(askWithRetries(ask, soon()), (thrown) => thrown === error);
    assert.equal(asked.times, 1);
  }
});

test("the pause is what the provider asked for, when that is longer", async (context) => {
  const { ask } = failing(new ModelError("slow down", true, 7000));
  const spent = await onFastClock(context, () => askWithRetries(ask, soon()));
  assert.ok(spent >= 7000 && spent < 8000, `${spent}`);
});

test("a pause that would end after the deadline is not begun: the reason is said at once", async (context) => {
  const { asked, ask } = failing(new ModelError("slow down", true, 30_000));
  const spent = await onFastClock(context, () =>
    assert.rejects(askWithRetries(ask, Date.now() + 30_000), isFinal(/^slow down$/)),
  );
  assert.equal(asked.times, 1);
  assert.ok(spent < 1000, `${spent}`);
});

test("after the deadline a model is not asked at all", async () => {
  const { asked, ask } = failing();
  for (const deadline of [Date.now(), Date.now() - 1, 0]) {
    await assert.rejects(askWithRetries(ask, deadline), isFinal(/ran out of time/));
  }
  assert.equal(asked.times, 0);
});

test("an attempt that honours its signal ends at the deadline", async () => {
  const began = Date.now();
  const ask = (signal: AbortSignal): Promise<ModelAnswer> =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(new ModelError("cut off", true))));
  const alive = setInterval(() => undefined, 1000);
  await assert.rejects(askWithRetries(ask, began + 200), isFinal(/cut off|did not answer in time/));
  clearInterval(alive);
  assert.ok(Date.now() - began < 2000);
});

test("an attempt that does not honour its signal ends at the deadline all the same", async () => {
  const began = Date.now();
  // The engine's timer behind AbortSignal.timeout does not keep a process alive by itself.
  const alive = setInterval(() => undefined, 1000);
  await assert.rejects(
    askWithRetries(() => new Promise(() => undefined), began + 200),
    isFinal(/did not answer in time/),
  );
  clearInterval(alive);
  assert.ok(Date.now() - began < 2000);
});
