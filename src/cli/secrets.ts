// `./ambit secrets set NAME SECRET`: the value comes on standard input and goes to the broker; nothing shows it again.
// Never an argument: every user of a machine can read those of a running program.
import { maxSecretLength } from "../controls/manifest/shapes.ts";
import { CommandError, readLine, UsageError } from "./arguments.ts";
import { askControl } from "./ask-host.ts";

const usage = "secrets set NAME SECRET   (value on standard input)";

export async function runSecrets(args: string[]): Promise<number> {
  const line = readLine(args, usage, {}, [3, 3]);
  const [what, name, secret] = line.words;
  if (what !== "set" || !name || !secret) throw new UsageError(`Usage: ./ambit ${usage}`);
  if (process.stdin.isTTY) console.error("Type the value, then Enter and Ctrl-D:");
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const value = Buffer.concat(chunks)
    .toString("utf8")
    .replace(/\r?\n$/, "");
  if (value === "")
    throw new CommandError("the value is empty; pipe it in: printf %s VALUE | ./ambit secrets set NAME SECRET");
  if (Buffer.byteLength(value) > maxSecretLength) throw new CommandError(`the value is over ${maxSecretLength} bytes`);
  const path = `/v1/deployments/${encodeURIComponent(name)}/secrets/${encodeURIComponent(secret)}`;
  const answer = await askControl(line.text("state"), "PUT", path, { raw: value });
  if (answer.status >= 400)
    throw new CommandError((answer.body as { detail?: string })?.detail ?? `the host answered ${answer.status}`);
  console.log(line.has("json") ? JSON.stringify({ name, secret, set: true }) : `${name}: secret ${secret} is set`);
  return 0;
}
