// `./ambit chat NAME`: talks to a deployment through the front, as any channel would, with its token.
import { createInterface } from "node:readline/promises";
import { userInfo } from "node:os";
import type { TurnAnswer } from "../controls/wire/gate.ts";
import { CommandError, readLine, type Line } from "./arguments.ts";
import { ChannelClient } from "./channel-client.ts";
import { describeFreeze } from "./freeze.ts";
import { askHost } from "./host.ts";
import { observeWarning, red } from "./paint.ts";
import type { DeploymentList, HostStatus } from "../controls/wire/control.ts";

const usage = "chat NAME [MESSAGE] --token TOKEN [--user WHO] [--thread ID]   (or the token in AMBIT_TOKEN)";

export async function runChat(args: string[]): Promise<number> {
  const line = readLine(args, usage, { token: "text", user: "text", thread: "text", url: "text" }, [1, 2]);
  const [name, message] = line.words;
  const token = line.text("token") ?? process.env["AMBIT_TOKEN"];
  if (!token) throw new CommandError("no token: --token TOKEN, or AMBIT_TOKEN; ./ambit deploy showed it once");
  if (line.text("url") === undefined) await warn(line, name ?? "");
  const url = line.text("url") ?? (await askHost<HostStatus>(line, "GET", "/v1/status")).url;
  const client = new ChannelClient(url, name ?? "", token, line.text("user") ?? userInfo().username);
  if (message !== undefined) return once(line, client, message);
  let thread = line.text("thread");
  const input = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  input.prompt();
  for await (const text of input) {
    if (text.trim() !== "") {
      const answer = await client.say(text, thread);
      thread = answer.thread;
      console.log(answer.reply);
    }
    input.prompt();
  }
  return 0;
}

/** Said beside the answers, so that a script that reads them is not disturbed. */
async function warn(line: Line, name: string): Promise<void> {
  const { deployments } = await askHost<DeploymentList>(line, "GET", "/v1/deployments");
  const row = deployments.find((one) => one.name === name);
  const say = (text: string) => void process.stderr.write(`${red(text, process.stderr)}\n`);
  if (row?.mode === "observe") say(observeWarning(name));
  if (row?.frozen) say(describeFreeze(name, row.frozen));
}

async function once(line: Line, client: ChannelClient, message: string): Promise<number> {
  const answer: TurnAnswer = await client.say(message, line.text("thread"));
  console.log(line.has("json") ? JSON.stringify(answer) : answer.reply);
  if (answer.state === "waiting") return 4;
  return answer.state === "done" ? 0 : 1;
}
