// A model, or whoever speaks in its place, that answers garbage, too much, too slowly, nothing, or with wishes that nobody
// should grant. Each time the user gets an answer within the turn's time, the model is asked no oftener than it should be,
// no tool is called that should not be, and the audit says why the turn ended. All of them run at once.
import { strict as assert } from "node:assert";
import { after, before, describe, test } from "node:test";
import { sayJson, sayWords, wholeAnswer, wishOnce, type ModelAnswer } from "./hostile-model.ts";
import { sayResult } from "./hostile-server.ts";
import { HostileStage } from "./hostile-stage.ts";
import { badModels, wishesNobodyGrants } from "./model-lies.ts";

/** The turn's own twelve seconds, and what two busy cores may add. */
const turnLimitMs = 18_000;
let stage: HostileStage;

before(async () => {
  stage = await HostileStage.open("{ steps_per_turn: 4, turn_timeout: 12s }");
});

after(async () => {
  await stage?.stop();
});

test("works at all: a model that answers is heard, and its call is made once", async () => {
  assert.equal((await stage.say("hello")).answer.reply, "Hello.");
  stage.model.when("act", wishOnce([{ name: "act", arguments: '{"n":1}' }]));
  const { answer, events } = await stage.say("act");
  assert.deepEqual([answer.reply, stage.server.calls], ["acted 1", [1]]);
  assert.deepEqual(events, [
    "turn_opened",
    "model_answered",
    "call_admitted",
    "call_done",
    "model_answered",
    "turn_closed",
  ]);
});

describe("at once", { concurrency: true }, () => {
  for (const { name, answer, asked, reply, why, calls = [] } of badModels) {
    test(`a model that ${name}: asked ${asked} times, ${why ?? "answered"}`, async () => {
      stage.model.when(name, answer);
      const said = await stage.say(name);
      assert.match(said.answer.reply, reply);
      assert.doesNotMatch(said.answer.reply, /\p{Cc}|\p{Zl}|\u202e/u);
      assert.equal(stage.model.requestsOf(name).length, asked);
      const closed = said.entries.find(({ event }) => event === "turn_closed");
      assert.deepEqual([said.answer.state, closed?.detail["why"]], [why === null ? "done" : "failed", why]);
      assert.deepEqual(
        said.events.filter((event) => event.startsWith("call_")),
        calls,
      );
      assert.ok(said.ms < turnLimitMs, `took ${said.ms} ms`);
    });
  }

  for (const [name, wish, reason] of wishesNobodyGrants) {
    test(`a wish ${name} is refused, and the conversation goes on`, async () => {
      stage.model.when(name, wishOnce([wish]));
      const { answer, events } = await stage.say(name);
      assert.match(answer.reply, new RegExp(`^\\[ambit\\] refused \\(${reason}\\): `));
      assert.deepEqual(
        events.filter((event) => event.startsWith("call_")),
        [`call_refused: ${reason}`],
      );
      const next = await stage.say(`after ${name}`, answer.thread);
      assert.equal(next.answer.reply, "Hello.");
      const [{ messages } = { messages: [] }] = stage.model.requestsOf(`after ${name}`);
      for (const [shown, args] of shownCalls(messages)) {
        assert.match(shown, /^[A-Za-z0-9_-]{1,64}$/);
        assert.equal(typeof JSON.parse(args), "object");
      }
    });
  }
});

test("results that the turn cannot pay for are not sent to the model", async () => {
  const text = "read a lot";
  stage.server.behave({
    call: (to, asked) => sayResult(to, asked, { content: [{ type: "text", text: "x".repeat(190_000) }] }),
  });
  stage.model.when(text, wishOnce([11, 12, 13].map((n) => ({ name: "act", arguments: JSON.stringify({ n }) }))));
  const { answer } = await stage.say(text);
  stage.server.behave();
  assert.match(answer.reply, /^I stopped: .* more than what is left of 60000 tokens \(limits\.tokens_per_turn\)\.$/);
  assert.equal(stage.model.requestsOf(text).length, 1);
});

test("a conversation that grows without end still gets answers, and its prompts stop growing", async () => {
  const { thread } = (await stage.say("x".repeat(90_000))).answer;
  for (const letter of "yz") await stage.say(letter.repeat(90_000), thread);
  const { answer } = await stage.say("and now?", thread);
  const [request] = stage.model.requestsOf("and now?");
  assert.equal(answer.reply, "Hello.");
  assert.match(String(request?.messages[0]?.content), /Earlier turns of this conversation are not shown/);
  assert.ok(JSON.stringify(request).length < 150_000);
});

test("a false usage report costs what the text costs at least", async () => {
  const text = `false usage ${"x".repeat(8000)}`;
  const lie: ModelAnswer = (response) =>
    sayJson(
      response,
      wholeAnswer({ role: "assistant", content: "ok" }, { usage: { prompt_tokens: -7, completion_tokens: 0 } }),
    );
  stage.model.when(text, lie);
  const { entries } = await stage.say(text);
  assert.ok(Number(entries.find(({ event }) => event === "model_answered")?.detail["tokens"]) >= 1000);
});

test("after all this the gate is the same, and answers", async () => {
  assert.equal(await stage.restarts(), 0);
  stage.model.when("and again", sayWords("Here."));
  assert.equal((await stage.say("and again")).answer.reply, "Here.");
});

/** Name and arguments of each call that a model was shown. */
function shownCalls(messages: readonly object[]): [string, string][] {
  return messages.flatMap((message) => {
    const { tool_calls: calls = [] } = message as { tool_calls?: { function: { name: string; arguments: string } }[] };
    return calls.map(({ function: called }): [string, string] => [called.name, called.arguments]);
  });
}
