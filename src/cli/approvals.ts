// `./ambit approvals`: what waits for a person, in full, and the decision on exactly that. The hash of what was
// read goes with the decision (`--action` says which it must be), so a call that changed meanwhile is not approved. A model
// chose many of the words: what is printed is nothing that a terminal obeys.
import { userInfo } from "node:os";
import type { ApprovalList, ApprovalView } from "../controls/wire/gate.ts";
import { CommandError, readLine, UsageError, type Line } from "./arguments.ts";
import { visible } from "./authority.ts";
import { askHost, gatePath } from "./ask-host.ts";
import { listAll, watch } from "./inbox.ts";

const usage =
  "approvals ls [NAME] [--watch] | show NAME CALL | approve NAME CALL | deny NAME CALL [--reason TEXT] [--by WHO]";

export async function runApprovals(args: string[]): Promise<number> {
  const line = readLine(args, usage, { reason: "text", by: "text", action: "text", watch: "switch" }, [1, 3]);
  const [what, name, callId] = line.words;
  if (line.has("watch") && (what !== "ls" || callId || line.has("json")))
    throw new UsageError(`--watch is for approvals ls, in plain words. Usage: ./ambit ${usage}`);
  if (what === "ls" && line.has("watch")) return watch(line, name);
  if (what === "ls" && !name) return listAll(line);
  if (!name) throw new UsageError(`Usage: ./ambit ${usage}`);
  if (what === "ls" && !callId) return list(line, name);
  if (!callId) throw new UsageError(`Usage: ./ambit ${usage}`);
  if (what === "show") return show(line, name, callId);
  if (what === "approve" || what === "deny") return decide(line, what, name, callId);
  throw new UsageError(`Usage: ./ambit ${usage}`);
}

async function list(line: Line, name: string): Promise<number> {
  const { approvals, more } = await askHost<ApprovalList>(line, "GET", gatePath(name, "control/approvals"));
  console.log(line.has("json") ? JSON.stringify({ approvals, more }) : renderList(name, { approvals, more }));
  return 0;
}

/** One line a held call, oldest first, and how many did not fit. */
export function renderList(name: string, { approvals, more }: ApprovalList): string {
  if (approvals.length === 0) return `Nothing waits for a person in ${name}.`;
  const lines = approvals.map(
    (held) => `${held.callId}  ${held.tool}  ${held.reason}  ${soFar(held)}  until ${held.expires}`,
  );
  return [...lines, ...(more > 0 ? [`... and ${more} more, newer than these`] : [])].map(visible).join("\n");
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
  const answer = await askHost<ApprovalView>(line, "POST", path, body, [403, 409]);
  const end = answer.state === "held" ? `${soFar(answer)}: it still waits for others` : `${answer.state} by ${by}`;
  console.log(line.has("json") ? JSON.stringify(answer) : `${renderApproval(held)}\n\n${visible(end)}`);
  return 0;
}

/** How far a held call is, and who may bring it further. */
function soFar({ approvals, needed, role }: ApprovalView): string {
  const who = role === null ? "anybody but who asked" : `role ${role}`;
  return `${approvals.length} of ${needed} approved (${who})`;
}

/** Everything a person needs to decide, in full: nothing is shortened and hidden characters are made visible. */
export function renderApproval(held: ApprovalView): string {
  const rows = Object.entries(held.arguments).map(([key, value]) => `    ${key} = ${JSON.stringify(value)}`);
  return [
    `${held.callId}: ${held.server}.${held.tool} (${held.effect}, impact ${held.impact}), ${held.state}`,
    `  why it stopped: ${held.reason}`,
    `  asked for by ${held.user}, conversation ${held.thread}, turn ${held.turn}`,
    "  arguments, exactly as they will be sent:",
    ...rows,
    `  ${soFar(held)}`,
    ...held.approvals.map(({ by, at }) => `    ${by} at ${at}`),
    `  expires ${held.expires}; undecided means no`,
    `  action ${held.actionHash}`,
  ]
    .map(visible)
    .join("\n");
}
