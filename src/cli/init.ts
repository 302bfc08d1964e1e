// `./ambit init [DIR]`: five questions, or flags, and a deployment that runs is written: agent.yaml and instructions.md. It
// overwrites nothing, starts nothing and deploys nothing; what it writes is checked as `./ambit check` would, before any of
// it is on disk. A token of the tool server is read from the environment, sent to that server alone and written nowhere.
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { lintManifest } from "../controls/manifest/lint.ts";
import { parseManifest } from "../controls/manifest/parse.ts";
import { CommandError, readLine, UsageError, type Line } from "./arguments.ts";
import { writeInstructions, writeManifest, type ToolsAnswer } from "./init-file.ts";
import { questionCount, questions, type Answers, type Question, type Topic } from "./init-questions.ts";
import { report } from "./init-report.ts";
import { findTools } from "./init-tools.ts";

const usage =
  "init [DIR] [--yes] [--name NAME] [--purpose TEXT] [--provider openai-compatible|anthropic] [--base-url URL] [--model NAME] [--tools URL] [--users LIST] [--approvers LIST]   (the tool server's token in AMBIT_TOOL_TOKEN)";

type Ask = (prompt: string) => Promise<string>;

export async function runInit(args: string[]): Promise<number> {
  const flags = Object.fromEntries(questions.map(({ topic }) => [topic, "text" as const]));
  const line = readLine(args, usage, { ...flags, yes: "switch" }, [0, 1]);
  const [folder] = line.words;
  if (folder !== undefined) refuseExisting(folder);
  const token = process.env["AMBIT_TOOL_TOKEN"] || undefined;
  const collected = await collect(line, folder, token);
  const { answers, found } = collected;
  const target = folder ?? answers.name;
  const files = {
    "agent.yaml": writeManifest(answers, found, token !== undefined),
    "instructions.md": writeInstructions(answers),
  };
  requireSound(files["agent.yaml"]);
  writeFiles(target, files);
  report(line, target, answers, found, token !== undefined);
  return 0;
}

interface Collected {
  readonly answers: Answers;
  readonly found: ToolsAnswer;
}

/** Flags first; what they leave open is asked on a terminal, or has its default with --yes. */
async function collect(line: Line, folder: string | undefined, token: string | undefined): Promise<Collected> {
  const open = questions.filter(({ topic }) => line.text(topic) === undefined);
  if (line.has("yes") || open.length === 0) return answerAll(line, folder, token, undefined);
  if (!process.stdin.isTTY || !process.stdout.isTTY || line.has("json")) {
    const missing = open.map(({ topic }) => `--${topic}`).join(", ");
    throw new UsageError(
      `there is no terminal to ask on: give ${missing}, or --yes for the defaults. Usage: ./ambit ${usage}`,
    );
  }
  const input = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new Promise<never>((_, reject) => {
    input.once("close", () => {
      console.log("");
      reject(new CommandError("stopped; nothing was written"));
    });
  });
  // It may end while nothing is asked.
  closed.catch(() => undefined);
  console.log(`${questionCount} questions; Enter takes what stands in [ ]. Nothing is written before the last.`);
  try {
    return await answerAll(line, folder, token, (prompt) => Promise.race([input.question(prompt), closed]));
  } finally {
    input.removeAllListeners("close");
    input.close();
  }
}

/** Each question by its flag, else asked until the answer is right, else its default. */
export async function answerAll(
  line: Pick<Line, "text">,
  folder: string | undefined,
  token: string | undefined,
  ask: Ask | undefined,
): Promise<Collected> {
  const answers: Partial<Record<Topic, string>> = {};
  let found: ToolsAnswer;
  for (const question of questions) {
    const standard = standardOf(question, answers, folder);
    const check = async (text: string): Promise<string | undefined> => {
      const fault =
        question.fault(text, answers) ?? (question.topic === "name" ? existingFault(folder ?? text) : undefined);
      if (fault !== undefined || question.topic !== "tools" || text === "") return fault;
      found = await findTools(text, token);
      if (!("why" in found) || found.why === "absent") return undefined;
      return `${found.message}; put the right one in AMBIT_TOOL_TOKEN before you start this`;
    };
    answers[question.topic] = await answerOne(question, line.text(question.topic), standard, check, ask);
  }
  return { answers: answers as Answers, found };
}

async function answerOne(
  { topic, number, prompt }: Question,
  given: string | undefined,
  standard: string,
  check: (text: string) => Promise<string | undefined>,
  ask: Ask | undefined,
): Promise<string> {
  if (given !== undefined || ask === undefined) {
    const fault = await check(given ?? standard);
    if (fault === undefined) return given ?? standard;
    throw new UsageError(`--${topic} ${fault}`);
  }
  for (;;) {
    const typed = (await ask(`${number}/${questionCount} ${prompt}${standard === "" ? "" : ` [${standard}]`} `)).trim();
    const answer = typed === "" ? standard : typed;
    const fault = await check(answer);
    if (fault === undefined) return answer;
    console.log(`    It ${fault}.`);
  }
}

/** A folder's name is a good name, if it is one. */
function standardOf(question: Question, answers: Partial<Answers>, folder: string | undefined): string {
  const own = folder === undefined ? "" : basename(resolve(folder));
  if (question.topic === "name" && question.fault(own, answers) === undefined) return own;
  return question.standard(answers);
}

function existingFault(folder: string): string | undefined {
  const there = ["agent.yaml", "instructions.md"].map((file) => join(folder, file)).find((path) => existsSync(path));
  return there === undefined ? undefined : `must be another one: ${there} is there already, and nothing is overwritten`;
}

function refuseExisting(folder: string): void {
  const fault = existingFault(folder);
  if (fault !== undefined) throw new CommandError(`the folder ${fault}`);
}

/** What `./ambit check` would refuse is not written. */
function requireSound(text: string): void {
  const parsed = parseManifest(text);
  const faults =
    "problems" in parsed ? parsed.problems : lintManifest(parsed.manifest).filter(({ level }) => level === "error");
  const [first] = faults;
  if (first !== undefined) throw new CommandError(`nothing was written: ${first.field}: ${first.message}`);
}

/** Both files or none; a file that came into being meanwhile stays. */
function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  const written: string[] = [];
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      writeFileSync(path, text, { flag: "wx" });
      written.push(path);
    }
  } catch (thrown) {
    for (const path of written) rmSync(path, { force: true });
    throw new CommandError(
      `nothing was written in ${folder}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
  }
}
