// What `./ambit init` says at its end: what it wrote, what it left out and why, and the commands that come next.
import { join } from "node:path";
import type { Line } from "./arguments.ts";
import { toolServer, type ToolsAnswer } from "./init-file.ts";
import { peopleIn, type Answers } from "./init-questions.ts";

/** `hasToken`: the tool server was asked with one, so the deployment needs it as a secret. */
export function report(line: Line, folder: string, answers: Answers, found: ToolsAnswer, hasToken: boolean): void {
  const file = join(folder, "agent.yaml");
  const { tools, leftOut } = found !== undefined && "tools" in found ? found : { tools: [], leftOut: [] };
  const secrets = ["model", ...(hasToken && tools.length > 0 ? [toolServer] : [])];
  const user =
    peopleIn(answers.users).find((one) => !one.startsWith("*@")) ?? `you${(peopleIn(answers.users)[0] ?? "").slice(1)}`;
  const next: [command: string, words?: string][] = [
    [`./ambit check ${file}`, "what it can read, change and expose"],
    ["./ambit up", "in another terminal"],
    ...secrets.map((secret): [string] => [`printf %s "$KEY" | ./ambit secrets set ${answers.name} ${secret}`]),
    [`./ambit deploy ${file}`, "shows its token once"],
    [`AMBIT_TOKEN=... ./ambit chat ${answers.name} "hello" --user ${user}`],
  ];
  if (tools.length > 0) next.push([`./ambit approvals ls ${answers.name}`, "what waits for a person"]);
  if (line.has("json")) {
    console.log(
      JSON.stringify({ file, tools: tools.map(({ name }) => name), leftOut, next: next.map(([command]) => command) }),
    );
    return;
  }
  console.log(`Written: ${file} and ${join(folder, "instructions.md")}.`);
  if (tools.length > 0)
    console.log(
      `${tools.length} tools of ${answers.tools}: a person is asked before each call, until you relax it in the file.`,
    );
  for (const text of leftOut) console.log(`Left out: ${text}`);
  if (found !== undefined && "why" in found)
    console.log(`No tools yet: ${answers.tools} did not list any (${found.message}). The file says where they go.`);
  const widest = Math.max(...next.map(([command, words]) => (words === undefined ? 0 : command.length)));
  const lines = next.map(([command, words]) =>
    words === undefined ? command : `${command.padEnd(widest)}  # ${words}`,
  );
  console.log(`Next:\n${lines.map((text) => `  ${text}`).join("\n")}`);
}
