// Exact counts at the edges of a rate, and clocks that jump.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideRate } from "./gcra.ts";
import { parseRate } from "./rate.ts";

const start = Date.UTC(2026, 0, 1);

/** A key that remembers what was stored for it. */
function openKey(rate: string) {
  let tat: number | undefined;
  return (now: number) => {
    const decision = decideRate(tat, now, parseRate(rate));
    tat = decision.tat;
    return decision;
  };
}

/** How many of `tries` come through at `now`. */
function passed(ask: ReturnType<typeof openKey>, now: number, tries: number): number {
  return Array.from({ length: tries }, () => ask(now)).filter(({ allowed }) => allowed).length;
}

function waitOf(decision: ReturnType<ReturnType<typeof openKey>>): number {
  assert.ok(!decision.allowed);
  return decision.retryAfterMs;
}

const edges: readonly { rate: string; burst: number; oneMoreMs: number; windowMs: number }[] = [
  { rate: "1/s", burst: 1, oneMoreMs: 1000, windowMs: 1000 },
  { rate: "20/min", burst: 20, oneMoreMs: 3000, windowMs: 60_000 },
  { rate: "7/min", burst: 7, oneMoreMs: 8572, windowMs: 60_001 },
  { rate: "100/h", burst: 100, oneMoreMs: 36_000, windowMs: 3_600_000 },
  { rate: "1/day", burst: 1, oneMoreMs: 86_400_000, windowMs: 86_400_000 },
  { rate: "1000000/s", burst: 1_000_000, oneMoreMs: 1, windowMs: 1000 },
];
for (const { rate, burst, oneMoreMs, windowMs } of edges) {
  test(`${rate}: exactly ${burst} at once, not one more, and one more just when it was said`, () => {
    const ask = openKey(rate);
    assert.equal(passed(ask, start, burst + 1), burst);
    assert.equal(waitOf(ask(start)), oneMoreMs);
    assert.equal(ask(start + oneMoreMs - 1).allowed, false);
    assert.equal(ask(start + oneMoreMs).allowed, true);
  });

  test(`${rate}: the whole burst is there again after its window and not before`, () => {
    const ask = openKey(rate);
    passed(ask, start, burst);
    const early = structuredClone(ask(start + windowMs - oneMoreMs - 1));
    assert.ok(!early.allowed || early.remaining < burst - 1);
    assert.equal(passed(openedAndUsed(rate, burst), start + windowMs, burst + 1), burst);
  });
}

function openedAndUsed(rate: string, count: number) {
  const ask = openKey(rate);
  passed(ask, start, count);
  return ask;
}

test("what is left is counted down to nothing", () => {
  const ask = openKey("3/min");
  const left = [1, 2, 3].map(() => ask(start)).map((one) => (one.allowed ? one.remaining : -1));
  assert.deepEqual(left, [2, 1, 0]);
});

test("a clock that jumps back gives nothing back, and locks nobody out for longer than one window", () => {
  for (const back of [1, 1000, 3_600_000, 10 * 365 * 86_400_000]) {
    const ask = openedAndUsed("20/min", 20);
    assert.equal(passed(ask, start - back, 1), 0, `back by ${back}`);
    assert.ok(waitOf(ask(start - back)) <= 3000);
    assert.equal(passed(ask, start - back + 60_000, 21), 20);
  }
});

test("a clock that jumps ahead gives one full burst and no more, and back again nothing", () => {
  const ask = openedAndUsed("20/min", 20);
  const ahead = start + 10 * 365 * 86_400_000;
  assert.equal(passed(ask, ahead, 100), 20);
  assert.equal(passed(ask, start, 100), 0);
});

test("a stored number that no clock could have given limits for one window and not for ever", () => {
  const rate = parseRate("20/min");
  const decision = decideRate(Number.MAX_SAFE_INTEGER, start, rate);
  assert.equal(waitOf(decision), 3000);
});

test("a rate that is none stops the program instead of limiting nothing", () => {
  for (const text of ["", "20", "0/min", "20/week", "-1/s", "1.5/s", "20/min ", "NaN/s"])
    assert.throws(() => parseRate(text), /not a rate/);
});
