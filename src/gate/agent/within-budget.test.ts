// The most that a prompt can cost, and what becomes of a reservation when the model did not answer.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { brokerHeader } from "../../controls/wire/door.ts";
import type { ReserveAnswer, ReserveRequest } from "../ledger/budget.ts";
import { ModelError, type OfferedTool } from "./model.ts";
import type { Prompt } from "./prompt.ts";
import { mostInputTokens } from "./input-bound.ts";
import { askWithinBudget, BudgetError } from "./within-budget.ts";

const prompt = (text: string): Prompt => [{ role: "user", content: [{ type: "text", text }] }];
const tool = (description: string): OfferedTool => ({ name: "act", description, schema: { type: "object" } });

const texts = [
  "",
  "hello",
  '\u0000\n"\\',
  "ä".repeat(100),
  "漢字".repeat(50),
  "👩‍👩‍👧‍👦".repeat(20),
  "\ud800",
  "a".repeat(100_000),
];
for (const text of texts) {
  test(`a text of ${Buffer.byteLength(text)} bytes is never bounded below its bytes`, () => {
    const bytes = Buffer.byteLength(text);
    assert.ok(mostInputTokens(prompt(text), []) >= bytes + 16);
    assert.ok(mostInputTokens(prompt("x"), [tool(text)]) >= bytes + 640);
  });
}

test("each further message and tool adds to the bound", () => {
  const one = mostInputTokens(prompt("x"), [tool("")]);
  assert.ok(mostInputTokens([...prompt("x"), ...prompt("")], [tool("")]) >= one + 16);
  assert.ok(mostInputTokens(prompt("x"), [tool(""), tool("")]) >= one + 64);
});

/** One attempt with `answer` in the place of the broker; `says` is what the Ledger answers. */
async function attempt(context: TestContext, limits: object, answer: () => Response, says?: ReserveAnswer) {
  const model = { provider: "openai-compatible", base_url: "https://api.example/v1", name: "m" };
  const agent = { instructions: "./i.md", model };
  const manifest = manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent, limits });
  const [sent, reserved, released]: [{ max_tokens?: number }[], ReserveRequest[], string[]] = [[], [], []];
  context.mock.method(globalThis, "fetch", async (_: string, init: { body: string }) => {
    sent.push(JSON.parse(init.body) as { max_tokens?: number });
    return answer();
  });
  const rooms = {
    release: { v: 1 as const, release: "0", manifest, instructions: "", policy: null, recordFiles: {} },
    thread: "api:amy:t",
    journal: { unreported: () => [] } as never,
    reserve: async (request: ReserveRequest) => {
      reserved.push(request);
      return says ?? { reservation: "r1", output: 300 };
    },
  };
  const { signal } = new AbortController();
  const result = await askWithinBudget(rooms, prompt("hello"), [], 5000, signal, (id) => released.push(id)).catch(
    (thrown: unknown) => thrown,
  );
  return { result, sent, reserved, released };
}

const usage = { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 };
const said = () =>
  Response.json({
    id: "x",
    object: "chat.completion",
    created: 0,
    model: "m",
    usage,
    choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
  });

test("without a daily budget nothing is reserved", async (context) => {
  const { result, reserved, sent } = await attempt(context, {}, said);
  assert.deepEqual([(result as { reservation: unknown }).reservation, reserved.length], [null, 0]);
  assert.equal(sent[0]?.max_tokens, 5000);
});

test("the model may write what was reserved and no more, and says what it cost", async (context) => {
  const { result, reserved, sent } = await attempt(context, { tokens_per_day: 1000 }, said);
  const { reservation, input, output } = result as { reservation: string; input: number; output: number };
  assert.deepEqual([reservation, input, output], ["r1", 100, 7]);
  assert.equal(reserved[0]?.output, 5000);
  assert.ok((reserved[0]?.input ?? 0) >= 5);
  assert.equal(sent[0]?.max_tokens, 300);
});

test("a call that the day does not pay for is not sent", async (context) => {
  const refusal = { control: "rate-limits", reason: "budget_spent", message: "spent" } as const;
  for (const canWait of [true, false]) {
    const { result, sent } = await attempt(context, { tokens_per_day: 1000 }, said, { refusal, canWait });
    assert.ok(result instanceof BudgetError && result.retry === canWait);
    assert.equal(sent.length, 0);
    context.mock.restoreAll();
  }
});

const door =
  (word: string, reason = "x") =>
  () =>
    Response.json({ word, reason, message: "no" }, { status: 502, headers: { [brokerHeader]: word } });
const status = (code: number) => () => Response.json({ error: { message: "no" } }, { status: code });
for (const [reason, isPassing] of [
  ["frozen", true],
  ["host_not_allowed", false],
] as const) {
  test(`a refusal of the broker, ${reason}, is ${isPassing ? "" : "not "}asked again: a thaw reaches it last`, async (context) => {
    const { result } = await attempt(context, {}, door("refused", reason));
    assert.equal((result as ModelError).retry, isPassing);
  });
}

const fates: readonly [string, () => Response, boolean][] = [
  ["the broker refused", door("refused"), true],
  ["no byte was sent", door("unreachable"), true],
  ["the broker had too much to do", door("overloaded"), true],
  ["the connection broke", door("broken"), false],
  ["the answer was too large", door("too_large"), false],
  ["the provider said 400", status(400), true],
  ["the provider said 429", status(429), true],
  ["the provider said 408", status(408), false],
  ["the provider said 500", status(500), false],
  ["the provider said 503", status(503), false],
  ["the provider redirects", status(307), false],
  ["the answer is no answer", () => Response.json({}), false],
];
for (const [name, answer, isReleased] of fates) {
  test(`${name}: the reservation ${isReleased ? "is given back" : "stays, since nobody knows what it cost"}`, async (context) => {
    const { result, released } = await attempt(context, { tokens_per_day: 1000 }, answer);
    assert.ok(result instanceof ModelError);
    assert.deepEqual(released, isReleased ? ["r1"] : []);
  });
}
