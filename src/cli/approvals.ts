// `./ambit approvals`: what waits for a person, in full, and the decision on exactly that.
import { userInfo } from "node:os";
import type { ApprovalView } from "../controls/wire/gate.ts";
import { CommandError, readLine, UsageError, type Line } from "./arguments.ts";
import { askHost, gatePath } from "./host.ts";

const usage = "approvals ls NAME | show NAME CALL | approve NAME CALL | deny NAME CALL [--reason TEXT] [--by WHO]";

export async function runApprovals(args: string[]): Promise<number> {
  const line = readLine(args, usage, { reason: "text", by: "text", action: "text" }, [2, 3]);
  const [what, name, callId] = line.words;
  if (!name) throw new UsageError(`Usage: ./ambit ${usage}`);
  if (what === "ls" && !callId) return list(line, name);
  if (!callId) throw new UsageError(`Usage: ./ambit ${usage}`);
  if (what === "show") return show(line, name, callId);
  if (what === "approve" || what === "deny") return decide(line, what, name, callId);
  throw new UsageError(`Usage: ./ambit ${usage}`);
}

async function list(line: Line, name: string): Promise<number> {
  const { approvals } = await askHost<{ approvals: ApprovalView[] }>(line, "GET", gatePath(name, "control/approvals"));
  if (line.has("json")) {
    console.log(JSON.stringify({ approvals }));
    return 0;
  }
  if (approvals.length === 0) console.log(`Nothing waits for a person in ${name}.`);
  for (const held of approvals) console.log(`${held.callId}  ${held.tool}  ${held.reason}  until ${held.expires}`);
  return 0;
}

async function show(line: Line, name: string, callId: string): Promise<number> {
  const held = await askHost<ApprovalView>(
    line,
    "GET",
    gatePath(name, `control/approvals/${encodeURIComponent(callId)}`),
  );
  console.log(line.has("json") ? JSON.stringify(held) : renderApproval(held));
  return 0;
}

async function decide(line: Line, decision: "approve" | "deny", name: string, callId: string): Promise<number> {
  const path = gatePath(name, `control/approvals/${encodeURIComponent(callId)}`);
  const held = await askHost<ApprovalView>(line, "GET", path);
  const seen = line.text("action");
  if (seen !== undefined && seen !== held.actionHash) {
    throw new CommandError(`the action is ${held.actionHash}, not ${seen}; look at it again`, 3);
  }
  const by = line.text("by") ?? userInfo().username;
  const body = { decision, actionHash: held.actionHash, by, note: line.text("reason") ?? "" };
  const answer = await askHost<ApprovalView>(line, "POST", path, body);
  console.log(line.has("json") ? JSON.stringify(answer) : `${renderApproval(held)}\n\n${answer.state} by ${by}`);
  return 0;
}

/** Everything a person needs to decide, in full: nothing is shortened and hidden characters are made visible. */
export function renderApproval(held: ApprovalView): string {
  const rows = Object.entries(held.arguments).map(
    ([key, value]) => `    ${visible(key)} = ${visible(JSON.stringify(value))}`,
  );
  return [
    `${held.callId}: ${held.server}.${held.tool} (${held.effect}, impact ${held.impact}), ${held.state}`,
    `  why it stopped: ${held.reason}`,
    `  asked for by ${visible(held.user)}, conversation ${visible(held.thread)}, turn ${held.turn}`,
    "  arguments, exactly as they will be sent:",
    ...rows,
    `  expires ${held.expires}; undecided means no`,
    `  action ${held.actionHash}`,
  ].join("\n");
}

/** Control, format and bidirectional characters as `\u{...}`: they could make a line read as something else. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
