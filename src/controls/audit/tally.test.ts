import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { maxKinds, otherKinds, Tally, tallyMs } from "./tally.ts";

test("the first of a kind is told at once, the next of its minute are counted", () => {
  const tally = new Tally();
  assert.deepEqual(tally.note("frozen", 1000), { kind: "frozen", count: 1 });
  assert.equal(tally.note("frozen", 1001), null);
  assert.equal(tally.note("frozen", 1002), null);
  assert.deepEqual(tally.due(1000 + tallyMs - 1), []);
  assert.deepEqual(tally.due(1000 + tallyMs), [{ kind: "frozen", count: 2 }]);
});

test("a kind of which nothing came in a minute is new again; a clock that goes back stops nothing", () => {
  const tally = new Tally();
  tally.note("busy", 1_000_000);
  assert.deepEqual(tally.due(0), []);
  assert.deepEqual(tally.note("busy", 1), { kind: "busy", count: 1 });
  tally.note("busy", 2);
  assert.deepEqual(tally.rest(), [{ kind: "busy", count: 1 }]);
});

test("a thousand kinds at once are counted as one beyond the first few", () => {
  const tally = new Tally();
  const told = Array.from({ length: 1000 }, (_, index) => tally.note(`host-${index}`, index)).filter((one) => one);
  assert.equal(told.length, maxKinds);
  assert.equal(told.at(-1)?.kind, otherKinds);
  assert.deepEqual(tally.due(2 * tallyMs), [{ kind: otherKinds, count: 1000 - maxKinds }]);
});

test("however fast they come, none is lost and no kind is told twice in a minute", () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 30 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(steps, (list) => {
      const tally = new Tally();
      const last = new Map<string, number>();
      let [now, told] = [0, 0];
      const tell = ({ kind, count }: { kind: string; count: number }): void => {
        assert.ok(now - (last.get(kind) ?? -tallyMs) >= tallyMs, `${kind} twice in a minute`);
        last.set(kind, now);
        told += count;
      };
      for (const [pause, kind] of list) {
        now += pause;
        tally.due(now).forEach(tell);
        const one = tally.note(String(kind), now);
        if (one) tell(one);
      }
      assert.equal(told + tally.rest().reduce((sum, { count }) => sum + count, 0), list.length);
    }),
    { numRuns: 200 },
  );
});
