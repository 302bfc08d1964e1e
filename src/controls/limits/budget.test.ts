// What a day may cost, to the token and the micro-dollar.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema } from "../manifest/schema.ts";
import { costOf, dailyBudget, dayOf, decideReservation, decideSpent, type DailyBudget } from "./budget.ts";

const nothing = { tokens: 0, microUsd: 0 };
const dayMs = 86_400_000;

function budgetOf(limits: object, price?: object): DailyBudget {
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m", ...(price ? { price } : {}) };
  const agent = { instructions: "./i.md", model };
  const budget = dailyBudget(manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent, limits }));
  assert.ok(budget);
  return budget;
}

/** The output granted, or the field that refuses. */
function ask(budget: DailyBudget, used: { tokens: number; microUsd: number }, input: number, output: number) {
  const decision = decideReservation(budget, used, nothing, { input, output }, 0);
  return decision.allowed ? decision.output : decision.refusal.field;
}

test("a file without a daily limit has no budget", () => {
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
  const agent = { instructions: "./i.md", model };
  assert.equal(dailyBudget(manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent })), undefined);
});

const price = { input: 2, output: 10 };
const edges: readonly [
  string,
  object,
  object | undefined,
  { tokens: number; microUsd: number },
  number,
  number,
  unknown,
][] = [
  ["all of it", { tokens_per_day: 1000 }, undefined, nothing, 700, 300, 300],
  ["one token over is cut", { tokens_per_day: 1000 }, undefined, nothing, 701, 300, 299],
  ["the shortest answer", { tokens_per_day: 1000 }, undefined, nothing, 744, 300, 256],
  [
    "one token less than the shortest answer",
    { tokens_per_day: 1000 },
    undefined,
    nothing,
    745,
    300,
    "limits.tokens_per_day",
  ],
  ["a turn that may write less than that itself", { tokens_per_day: 1000 }, undefined, nothing, 900, 100, 100],
  ["the last cent", { usd_per_day: 0.01 }, price, nothing, 1000, 800, 800],
  ["one token over the last cent is cut", { usd_per_day: 0.01 }, price, nothing, 1001, 800, 799],
  [
    "a micro-dollar short of the shortest answer",
    { usd_per_day: 0.01 },
    price,
    { tokens: 0, microUsd: 7441 },
    0,
    300,
    "limits.usd_per_day",
  ],
  ["exactly the shortest answer", { usd_per_day: 0.01 }, price, { tokens: 0, microUsd: 7440 }, 0, 300, 256],
  [
    "both, the tokens first",
    { usd_per_day: 100, tokens_per_day: 1000 },
    price,
    nothing,
    800,
    300,
    "limits.tokens_per_day",
  ],
  [
    "both, the money first",
    { usd_per_day: 0.001, tokens_per_day: 100_000 },
    price,
    nothing,
    400,
    300,
    "limits.usd_per_day",
  ],
  [
    "more spent than there was",
    { tokens_per_day: 1000 },
    undefined,
    { tokens: 5000, microUsd: 0 },
    1,
    1,
    "limits.tokens_per_day",
  ],
  ["a model that costs nothing", { usd_per_day: 0.000001 }, { input: 0, output: 0 }, nothing, 1_000_000, 8192, 8192],
  ["a model that writes for nothing", { usd_per_day: 0.01 }, { input: 2, output: 0 }, nothing, 5000, 8192, 8192],
  [
    "and one token too many to read",
    { usd_per_day: 0.01 },
    { input: 2, output: 0 },
    nothing,
    5001,
    8192,
    "limits.usd_per_day",
  ],
  ["less than a micro-dollar", { usd_per_day: 0.0000001 }, price, nothing, 1, 300, "limits.usd_per_day"],
  ["no price: nothing may be spent", { usd_per_day: 5 }, undefined, nothing, 1, 300, "limits.usd_per_day"],
];
for (const [name, limits, prices, used, input, output, expected] of edges) {
  test(`a call is granted what the day still pays for: ${name}`, () => {
    assert.equal(ask(budgetOf(limits, prices), used, input, output), expected);
  });
}

test("no price makes a reservation cost more than is left", () => {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 20_000; round++) {
    const usd = random() * 10 ** Math.floor(random() * 6 - 3);
    const input = Math.round(random() * 1e6) / 10 ** Math.floor(random() * 6);
    const budget = freeBudget(usd, Math.min(input, 10_000), random() * 100);
    const used = { tokens: 0, microUsd: Math.floor(random() * budget.most.microUsd) };
    const asked = { input: Math.floor(random() * 10_000), output: Math.ceil(random() * 8192) };
    const decision = decideReservation(budget, used, nothing, asked, 0);
    if (!decision.allowed) continue;
    assert.ok(
      used.microUsd + decision.amount.microUsd <= budget.most.microUsd,
      JSON.stringify({ budget, used, decision }),
    );
    assert.deepEqual(decision.amount, costOf(budget, asked.input, decision.output));
  }
});

function freeBudget(usd: number, input: number, output: number): DailyBudget {
  return { most: { tokens: Infinity, microUsd: Math.floor(usd * 1_000_000) }, price: { input, output } };
}

test("costs are whole micro-dollars, rounded up, and without the noise of binary fractions", () => {
  const costs = ([input, output, read, write]: readonly [number, number, number, number]) =>
    costOf(budgetOf({ usd_per_day: 1 }, { input, output }), read, write).microUsd;
  const table: readonly [readonly [number, number, number, number], number][] = [
    [[0.07, 0, 100, 0], 7],
    [[0.1, 0.2, 1, 1], 1],
    [[0.15, 0.6, 1000, 1000], 750],
    [[0.15, 0.6, 1001, 1000], 751],
    [[3, 15, 1, 0], 3],
    [[0, 0, 1_000_000, 1_000_000], 0],
    [[0.000001, 0, 1, 0], 1],
    [[10_000, 10_000, 1_000_000_000, 1_000_000_000], 20_000_000_000_000],
  ];
  for (const [asked, expected] of table) assert.equal(costs(asked), expected);
});

test("what is only reserved is said to be reserved, and what is spent to open again at midnight UTC", () => {
  const budget = budgetOf({ tokens_per_day: 1000 });
  const used = { tokens: 900, microUsd: 0 };
  const day = dayOf(Date.UTC(2026, 0, 1, 13), 0);
  const waiting = decideReservation(budget, used, { tokens: 600, microUsd: 0 }, { input: 100, output: 300 }, day);
  assert.ok(!waiting.allowed && waiting.canWait);
  assert.match(waiting.refusal.message, /reserved by calls under way/);
  const spent = decideReservation(budget, used, nothing, { input: 100, output: 300 }, day);
  assert.ok(!spent.allowed && !spent.canWait);
  assert.match(spent.refusal.message, /\(limits\.tokens_per_day\); it opens again at 2026-01-02T00:00:00\.000Z$/);
});

test("a message is taken while the smallest call could be paid, and not after", () => {
  const budget = budgetOf({ tokens_per_day: 1000 });
  assert.equal(decideSpent(budget, { tokens: 644, microUsd: 0 }, 100, 0), undefined);
  assert.equal(decideSpent(budget, { tokens: 645, microUsd: 0 }, 100, 0)?.reason, "budget_spent");
});

test("a day that was reached does not come back when the clock does", () => {
  assert.deepEqual(
    [dayOf(5 * dayMs, 3), dayOf(2 * dayMs, 5), dayOf(6 * dayMs - 1, 5), dayOf(6 * dayMs, 5)],
    [5, 5, 5, 6],
  );
});
