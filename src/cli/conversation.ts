// A conversation on a terminal or from a pipe: a line is a message. What waits for a person is said with how to decide it, and
// the answer follows by itself once somebody has. An answer is a model's: it shows as what it is and moves no cursor.
import { createInterface, type Interface } from "node:readline/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { TurnAnswer } from "../controls/wire/gate.ts";
import { CommandError } from "./arguments.ts";
import { visible } from "./authority.ts";
import { Stopped, type ChannelClient } from "./channel-client.ts";

export interface Chat {
  readonly name: string;
  readonly user: string;
  readonly client: ChannelClient;
  /** An answer is one line of JSON, and nothing else is said but errors. */
  readonly isJson: boolean;
  /** Says something about the answers. */
  readonly say: (words: string) => void;
  readonly stop: AbortController;
  readonly thread: string | undefined;
  /** The state folder as it was named, for commands that are shown. */
  readonly state: string | undefined;
}

/** How often it is looked whether somebody decided, milliseconds. */
const lookMs = 1000;

/** Sends line after line until there is none. Of a pipe: exit code 1 when a message came to nothing, 130 when stopped. */
export async function talk(chat: Chat): Promise<number> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true && !chat.isJson;
  const terminal = isTerminal ? { output: process.stdout, prompt: "> " } : {};
  const input = createInterface({ input: process.stdin, ...terminal });
  const end = (): void => chat.stop.abort();
  input.on("SIGINT", end);
  process.once("SIGINT", end);
  chat.stop.signal.addEventListener("abort", () => input.close());
  if (isTerminal) chat.say(`You are ${visible(chat.user)}, talking to ${chat.name}. Ctrl-C or Ctrl-D ends.`);
  const ended = await sayAll(chat, input, isTerminal);
  if (isTerminal) process.stdout.write("\n");
  if (isTerminal && ended.thread !== undefined)
    chat.say(`To go on with it: ${commandOf(chat, "chat", `--user ${visible(chat.user)} --thread ${ended.thread}`)}`);
  return ended.code;
}

/** On a terminal an error is said and the next line is read; what comes from a pipe ends with it. */
async function sayAll(
  chat: Chat,
  input: Interface,
  isTerminal: boolean,
): Promise<{ code: number; thread: string | undefined }> {
  let { thread } = chat;
  let code = 0;
  try {
    if (isTerminal) input.prompt();
    for await (const text of input) {
      if (text.trim() !== "") {
        const answer = await sayOne(chat, text, thread, isTerminal);
        thread = answer?.thread ?? thread;
        if (answer?.state === "failed") code = 1;
      }
      if (isTerminal) input.prompt();
    }
  } catch (thrown) {
    if (!(thrown instanceof Stopped)) throw thrown;
    code = 130;
  }
  return { code: isTerminal ? 0 : code, thread };
}

async function sayOne(
  chat: Chat,
  text: string,
  thread: string | undefined,
  isTerminal: boolean,
): Promise<TurnAnswer | undefined> {
  try {
    return await follow(chat, await chat.client.say(text, thread));
  } catch (thrown) {
    if (!isTerminal || !(thrown instanceof CommandError)) throw thrown;
    for (const words of thrown.message.split("\n")) chat.say(visible(words));
    return undefined;
  }
}

/** Shows an answer, and each further one until nothing of its turn waits for a person. */
async function follow(chat: Chat, first: TurnAnswer): Promise<TurnAnswer> {
  let answer = first;
  showAnswer(chat, answer);
  if (answer.state === "waiting" && !chat.isJson)
    chat.say("  The answer comes here once that was decided. Ctrl-C ends this chat, not what waits.");
  while (answer.state === "waiting") {
    await pause(lookMs, undefined, { signal: chat.stop.signal }).catch(() => undefined);
    const now = await chat.client.follow(answer.thread, answer.turn);
    if (now.state !== "waiting" || namesOf(now) !== namesOf(answer)) showAnswer(chat, now);
    answer = now;
  }
  return answer;
}

function namesOf({ held }: TurnAnswer): string {
  return held.map(({ callId }) => callId).join();
}

/** One answer, and what to do where a person has to decide. */
export function showAnswer(chat: Chat, answer: TurnAnswer): void {
  if (chat.isJson) return console.log(JSON.stringify(answer));
  console.log(answer.reply.split("\n").map(visible).join("\n"));
  for (const { callId } of answer.state === "waiting" ? answer.held : [])
    chat.say(
      `  To decide it: ${commandOf(chat, "approvals show", visible(callId))}   (then approve or deny, --by WHO)`,
    );
}

function commandOf({ name, state }: Chat, verb: string, rest: string): string {
  return `./ambit ${verb} ${name} ${rest}${state === undefined ? "" : ` --state ${state}`}`;
}
