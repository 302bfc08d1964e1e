// An answer was written by a model, perhaps by whoever spoke to it last: it must not move a cursor, hide a line or look like
// another one, and what waits is shown with the command that decides it.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import type { TurnAnswer } from "../controls/wire/gate.ts";
import { ChannelClient } from "./channel-client.ts";
import { showAnswer, type Chat } from "./conversation.ts";

const done: TurnAnswer = { thread: "t", turn: 1, state: "done", reply: "", held: [] };
const call = { callId: "call_00000001", tool: "pay", reason: "impact", expires: "2026-01-01T00:00:00.000Z" };

function shown(t: TestContext, answer: Partial<TurnAnswer>, change: Partial<Chat> = {}) {
  const [out, err]: [string[], string[]] = [[], []];
  t.mock.method(console, "log", (text: string) => void out.push(text));
  const client = new ChannelClient("http://127.0.0.1:1", "desk", "none", "amy");
  const say = (words: string): void => void err.push(words);
  const chat: Chat = {
    ...{ name: "desk", user: "amy", client, isJson: false, say, stop: new AbortController() },
    ...{ thread: undefined, state: undefined, ...change },
  };
  showAnswer(chat, { ...done, ...answer });
  return { out, err };
}

test("an answer shows as what it is: lines stay lines, and nothing in them reaches the terminal as a command", (t) => {
  const { out } = shown(t, { reply: "one\ntwo\u001b[2J\rfake\u202eevil" });
  assert.deepEqual(out, ["one\ntwo\\u{1b}[2J\\u{d}fake\\u{202e}evil"]);
});

test("as JSON it is one line, without anything that a terminal obeys", (t) => {
  const { out, err } = shown(t, { reply: "one\ntwo\u001b[2J", state: "waiting", held: [call] }, { isJson: true });
  assert.deepEqual([out.length, err, /[^\x20-\x7e]/.test(out.join(""))], [1, [], false]);
});

test("what waits is shown with the command that decides it, and what waits no more is not", (t) => {
  const { err } = shown(t, { state: "waiting", held: [call] }, { state: "/tmp/x" });
  assert.deepEqual(err, [
    "  To decide it: ./ambit approvals show desk call_00000001 --state /tmp/x   (then approve or deny, --by WHO)",
  ]);
  assert.deepEqual(shown(t, { held: [call] }).err, []);
});
