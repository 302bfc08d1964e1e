// `./ambit policy explain`: what would become of a call, and which rule decides. Asks the running gate, whose Ledger decides
// as it would for the agent, with its own counts and sums, and writes nothing.
import { readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import type { JsonObject } from "../boundary.ts";
import { printable } from "../controls/manifest/printable.ts";
import { findJsonFault } from "../controls/policy/json-bounds.ts";
import { explainAnswer, type ExplainAnswer } from "../controls/wire/gate.ts";
import { CommandError, readLine, UsageError } from "./arguments.ts";
import { askHost, gatePath } from "./ask-host.ts";
import { observeWarning, red } from "./paint.ts";

const usage = "policy explain NAME TOOL ARGS.json [--user WHO]";
const maxFileBytes = 200_000;
const exitCodes = { run: 0, refuse: 3, hold: 4 } as const;

export async function runPolicy(args: string[]): Promise<number> {
  const line = readLine(args, usage, { user: "text" }, [4, 4]);
  const [what, name = "", tool = "", file = ""] = line.words;
  if (what !== "explain") throw new UsageError(`Usage: ./ambit ${usage}`);
  const user = line.text("user") ?? userInfo().username;
  const body = { tool, user, arguments: readArguments(file) };
  const path = gatePath(name, "control/policy/explain");
  const answer = explainAnswer.parse(await askHost(line, "POST", path, body));
  if (line.has("json")) console.log(JSON.stringify(answer));
  else {
    for (const text of renderExplanation(tool, answer)) console.log(text);
    if (answer.mode === "observe") console.log(red(observeWarning(name)));
  }
  return exitCodes[answer.verdict];
}

/** The arguments of a call as a file holds them: one JSON object, as the model would send it. */
export function readArguments(file: string): JsonObject {
  const value = parseJson(file, readText(file));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new CommandError(`${file}: must hold one JSON object, the arguments as the model would send them`);
  }
  const fault = findJsonFault(value, { chars: maxFileBytes, depth: 64 });
  if (fault) throw new CommandError(`${file}: ${fault.field || "(all)"}: ${fault.message}`);
  return value as JsonObject;
}

function readText(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) throw new CommandError(`${file}: there is no such file`);
  if (stat.size > maxFileBytes)
    throw new CommandError(`${file}: has ${stat.size} bytes, at most ${maxFileBytes} are read`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch {
    throw new CommandError(`${file}: is not UTF-8 text, or cannot be read`);
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    const why = thrown instanceof Error ? (thrown.message.split("\n", 1)[0] ?? "") : "";
    throw new CommandError(`${file}: is not JSON: ${why.slice(0, 200)}`);
  }
}

/** Each rule that was asked, the one that decides marked, and what would become of the call. */
export function renderExplanation(tool: string, answer: ExplainAnswer): string[] {
  const width = Math.max(...answer.rules.map(({ rule }) => rule.length));
  const rows = answer.rules.map(({ rule, outcome, field, message }) => {
    const mark = rule === answer.decidedBy ? ">" : " ";
    const words = [field ?? "", message].filter((part) => part !== "").join(": ");
    return `${mark} ${rule.padEnd(width)}  ${outcome.padEnd(6)}  ${words}`.trimEnd();
  });
  const by = answer.rules.some(({ rule }) => rule === answer.decidedBy) ? answer.decidedBy : "none objects";
  const enforced = answer.enforced ? [`enforced, it ${fate(answer, answer.enforced)}`] : [];
  // Messages quote the schema of a tool, which its server wrote.
  return [...rows, `${tool} ${fate(answer, answer)} (rule: ${by})`, ...enforced].map((line) => printable(line, 2000));
}

type Fate = Pick<ExplainAnswer, "verdict" | "reason" | "field" | "message">;

function fate({ review }: ExplainAnswer, { verdict, reason, field, message }: Fate): string {
  if (verdict === "run") return "would run";
  if (verdict === "refuse") return `would be refused (${[reason, field].filter(Boolean).join(", ")}): ${message}`;
  const who = review?.role ?? "anybody but who asked";
  return `would be held for ${who} (${review?.count ?? 1} of ${review?.count ?? 1}), until ${review?.expires ?? "4h"} are over`;
}
