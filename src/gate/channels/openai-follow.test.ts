// Room 11, OpenAI face: an answer is never silent for long, is the same words whole and streamed, and ends with words of its own
// when its gate ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { drain } from "../drain.ts";
import type { Env } from "../env.ts";
import type { Told } from "../tail.ts";
import { chatForm } from "./openai-chat.ts";
import { streamTurn, wholeTurn, type Followed } from "./openai-follow.ts";
import { responsesForm } from "./openai-responses.ts";

const usage = { input: 3, output: 2 };
const running: Told = { state: "running", created: 9, text: "", usage, held: [], isLast: true };
const done: Told = { ...running, state: "done" };
const held = [{ callId: "call_1", tool: "pay", reason: "impact", expires: "later" }];
const beat = 5;

function followed(form = chatForm(false), said: string | null = "hi"): Followed {
  const place = { channel: "api", user: "amy", thread: "t", turn: 1, deployment: "clerk" } as const;
  return { ...place, form, said, headers: { "x-ambit-thread": "t" } };
}

/** A gate whose turn tells these things one after the other; null is a wait as long as the listener's. */
function openGate(tells: (Told | null)[]) {
  const noted: object[] = [];
  const asked: number[] = [];
  const tell = async (_turn: number, from: number, waitMs: number): Promise<Told> => {
    asked.push(from);
    const next = tells.shift();
    if (next) return next;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    return running;
  };
  const ledger = { noteFound: async (one: object) => void noted.push(one) };
  const env = { THREAD: { getByName: () => ({ tell }) }, LEDGER: { getByName: () => ledger } } as unknown as Env;
  return { env, noted, asked };
}

const words = [running, { ...running, text: "One.\n\n" }, { ...done, text: "The end." }];

test("the same words come whole and streamed, and the conversation is found by them", async () => {
  const [one, other] = [openGate([...words]), openGate([...words])];
  const whole = (await (await wholeTurn(followed(), one.env)).json()) as {
    choices: { message: { content: string } }[];
  };
  assert.equal(whole.choices[0]?.message.content, "One.\n\nThe end.");
  const lines = (await streamTurn(followed(), other.env).text()).split("\n\n");
  const chunks = lines.filter((line) => line.startsWith("data: {")).map((line) => JSON.parse(line.slice(6)) as Chunk);
  assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "One.\n\nThe end.");
  assert.deepEqual(one.asked, [0, 0, 6]);
  const found = { user: "amy", thread: "t", by: { exchange: { asked: "hi", answered: "One.\n\nThe end." } } };
  assert.deepEqual([one.noted, other.noted], [[found], [found]]);
});

interface Chunk {
  readonly choices: { readonly delta: { readonly content?: string } }[];
}

test("a turn that is not the last one, or whose caller named the thread, moves no conversation", async () => {
  const [one, other] = [openGate([{ ...done, isLast: false }]), openGate([done])];
  await wholeTurn(followed(), one.env);
  await wholeTurn(followed(chatForm(false), null), other.env);
  assert.deepEqual([one.noted, other.noted], [[], []]);
});

test("silence is filled: with comments between events, with blanks before a JSON text", async () => {
  const tells = () => [null, null, null, { ...done, text: "Hi." }];
  const streamed = await streamTurn(followed(), openGate(tells()).env, beat).text();
  assert.equal(streamed.split(": still at work\n\n").length, 3);
  assert.ok(streamed.endsWith("data: [DONE]\n\n"));
  const whole = await (await wholeTurn(followed(), openGate(tells()).env, beat)).text();
  assert.match(whole, /^ +\{"id":"chatcmpl_1_t".*"Hi\."/);
});

for (const [name, form] of [
  ["chat", chatForm(true)],
  ["responses", responsesForm(null)],
] as const)
  test(`what waits is shown at the end of a stream, and never before (${name})`, async () => {
    const { env } = openGate([running, { ...done, state: "waiting", text: "This waits.", held }]);
    const events = (await streamTurn(followed(form), env).text()).split("\n\n").filter((event) => event !== "");
    const shown = events.map((event) => event.includes("x_approval")).lastIndexOf(true);
    assert.equal(events.filter((event) => event.includes("x_approval")).length, 1);
    assert.ok(shown >= events.length - 3 && shown > events.findIndex((event) => event.includes("This waits.")));
  });

test("a long answer is written as it is read: whoever reads nothing keeps one event of it in memory", async () => {
  const text = `${"x".repeat(250)}\n`.repeat(800);
  const sizes: number[] = [];
  const { body } = streamTurn(followed(responsesForm(null)), openGate([{ ...done, text }]).env);
  for await (const chunk of body ?? []) sizes.push(chunk.length);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) > 5 * text.length);
  assert.ok(Math.max(...sizes) < 1.5 * text.length, String(Math.max(...sizes)));
  const short: string[] = [];
  const { body: other } = streamTurn(followed(responsesForm(null)), openGate([{ ...done, text: "Hi." }]).env);
  for await (const chunk of other ?? []) short.push(new TextDecoder().decode(chunk));
  assert.equal(short.length, 1);
});

test("a gate that ends says that the turn goes on, in both forms, and cuts nobody off in silence", async () => {
  drain.letGo();
  const refused = await wholeTurn(followed(), openGate([running]).env);
  assert.deepEqual([refused.status, refused.headers.get("x-ambit-thread")], [503, "t"]);
  const chunks = await streamTurn(followed(), openGate([{ ...running, text: "One.\n\n" }]).env).text();
  assert.match(chunks, /"content":"One\.\\n\\n".*\n\ndata: \{"error":\{"message":"the turn goes on[^\n]*\n\n$/s);
  const events = await streamTurn(followed(responsesForm(null)), openGate([running]).env).text();
  assert.match(events, /event: error\ndata: \{"type":"error","sequence_number":4,"message":"the turn goes on/);
});
