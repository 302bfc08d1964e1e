// `./ambit chat NAME`: talks to a deployment through the front, as any channel would, with its token: one message, or a
// conversation from a terminal or a pipe. Answers go to standard output; whatever is said about them to standard error.
import { userInfo } from "node:os";
import { text } from "node:stream/consumers";
import type { DeploymentList, HostStatus } from "../controls/wire/control.ts";
import { CommandError, readLine, UsageError, type Line } from "./arguments.ts";
import { ChannelClient } from "./channel-client.ts";
import { showAnswer, talk, type Chat } from "./conversation.ts";
import { describeFreeze } from "./freeze.ts";
import { askHost } from "./ask-host.ts";
import { observeWarning, red } from "./paint.ts";

const usage = `chat NAME [MESSAGE] --token TOKEN [--user WHO] [--thread ID] [--json]
  MESSAGE or --message TEXT sends one and ends, with 4 when it waits for a person; --message - reads it from standard input.
  Without it: a conversation, a line a message. The token can be in AMBIT_TOKEN; WHO is your name here when left out.`;

const flags = { token: "text", user: "text", thread: "text", url: "text", message: "text" } as const;

export async function runChat(args: string[]): Promise<number> {
  const line = readLine(args, usage, flags, [1, 2]);
  const [name = "", word] = line.words;
  const flag = line.text("message");
  if (word !== undefined && flag !== undefined) throw new UsageError(`Say it once. Usage: ./ambit ${usage}`);
  const token = line.text("token") ?? process.env["AMBIT_TOKEN"];
  if (!token) throw new CommandError("no token: --token TOKEN, or AMBIT_TOKEN; ./ambit deploy showed it once");
  const user = line.text("user") ?? userInfo().username;
  const url = line.text("url") ?? (await findFront(line, name));
  const stop = new AbortController();
  const say = (words: string): void => void process.stderr.write(`${words}\n`);
  const client = new ChannelClient(url, name, token, user, { signal: stop.signal, say });
  const chat: Chat = {
    name,
    user,
    client,
    isJson: line.has("json"),
    say,
    stop,
    thread: line.text("thread"),
    state: line.text("state"),
  };
  const message = word ?? (flag === "-" ? await text(process.stdin) : flag);
  return message === undefined ? talk(chat) : once(chat, message);
}

async function once(chat: Chat, message: string): Promise<number> {
  if (message.trim() === "") throw new CommandError("the message is empty");
  process.once("SIGINT", () => process.exit(130));
  const answer = await chat.client.say(message, chat.thread);
  showAnswer(chat, answer);
  if (answer.state === "waiting") return 4;
  return answer.state === "done" ? 0 : 1;
}

/** Where the deployment is talked to; what is special about it is said first, beside the answers. */
async function findFront(line: Line, name: string): Promise<string> {
  const { deployments } = await askHost<DeploymentList>(line, "GET", "/v1/deployments");
  const row = deployments.find((one) => one.name === name);
  if (!row) throw new CommandError(`there is no deployment ${name}: see ./ambit ls`);
  const say = (words: string) => void process.stderr.write(`${red(words, process.stderr)}\n`);
  if (row.mode === "observe") say(observeWarning(name));
  if (row.frozen) say(describeFreeze(name, row.frozen));
  return (await askHost<HostStatus>(line, "GET", "/v1/status")).url;
}
