// `./ambit approvals ls` without a name, and `--watch`: what waits for a person, of all deployments, asked of the gates through
// the supervisor. A gate that does not answer is named: that nothing is shown of it does not mean that nothing waits there.
import { setTimeout as pause } from "node:timers/promises";
import type { DeploymentList } from "../controls/wire/control.ts";
import { approvalList, type ApprovalView } from "../controls/wire/gate.ts";
import { parseSafely } from "../controls/wire/parse.ts";
import { CommandError, type Line } from "./arguments.ts";
import { visible } from "./authority.ts";
import { askHost, gatePath } from "./ask-host.ts";

const watchMs = 1000;
/** A gate that hangs keeps whoever lists all of them waiting for no longer. */
const askMs = 5000;

export interface Held extends ApprovalView {
  readonly deployment: string;
}

export interface Waiting {
  readonly approvals: readonly Held[];
  /** By deployment: how many newer ones did not fit into the answer of its gate. */
  readonly more: Readonly<Record<string, number>>;
  readonly unreachable: readonly { readonly deployment: string; readonly why: string }[];
}

/** What one gate says. One that was taken over would speak as another deployment, or end the list of all. */
export function readHeld(deployment: string, answer: unknown): Pick<Waiting, "approvals"> & { readonly more: number } {
  const { data } = parseSafely(approvalList, answer);
  if (data === undefined)
    throw new CommandError("what its gate answered is no list of held calls: see its lines in the log");
  return { approvals: data.approvals.map((view) => ({ ...view, deployment })), more: data.more };
}

/** What is held now in one deployment, or in all. */
export async function askWaiting(line: Line, only: string | undefined): Promise<Waiting> {
  const all = only === undefined ? await askHost<DeploymentList>(line, "GET", "/v1/deployments") : undefined;
  const names = all === undefined ? [only ?? ""] : all.deployments.map(({ name }) => name);
  const approvals: Held[] = [];
  const more: Record<string, number> = {};
  const unreachable: { deployment: string; why: string }[] = [];
  for (const deployment of names) {
    try {
      const answer = await askHost<unknown>(
        line,
        "GET",
        gatePath(deployment, "control/approvals"),
        undefined,
        [],
        askMs,
      );
      const list = readHeld(deployment, answer);
      approvals.push(...list.approvals);
      if (list.more > 0) more[deployment] = list.more;
    } catch (thrown) {
      if (!(thrown instanceof CommandError)) throw thrown;
      unreachable.push({ deployment, why: thrown.message });
    }
  }
  return { approvals: approvals.toSorted((a, b) => (a.created < b.created ? -1 : 1)), more, unreachable };
}

/** All deployments, once. Exit code 1 when one did not answer. */
export async function listAll(line: Line): Promise<number> {
  const waiting = await askWaiting(line, undefined);
  console.log(line.has("json") ? JSON.stringify(waiting) : renderAll(waiting));
  return waiting.unreachable.length === 0 ? 0 : 1;
}

/** One line a held call, then what is not shown. */
export function renderAll({ approvals, more, unreachable }: Waiting): string {
  const lines = approvals.map(renderHeld);
  if (approvals.length === 0) lines.push("Nothing waits for a person.");
  for (const [deployment, count] of Object.entries(more)) lines.push(`... and ${count} more in ${deployment}`);
  return [...lines, ...unreachable.map(renderSilent)].map(visible).join("\n");
}

/** Prints what changes until it is ended. */
export async function watch(line: Line, only: string | undefined): Promise<number> {
  let known = new Map<string, string>();
  for (;;) {
    const { approvals, unreachable } = await askWaiting(line, only);
    const silent = new Set(unreachable.map(({ deployment }) => deployment));
    const now = new Map(approvals.map((held) => [`${held.deployment} ${held.callId}`, renderHeld(held)]));
    for (const one of unreachable) now.set(`${one.deployment} (silent)`, renderSilent(one));
    for (const [key, text] of now) if (known.get(key) !== text) console.log(visible(text));
    for (const [key, text] of known) {
      if (now.has(key)) continue;
      // Of one that does not answer nobody knows.
      if (silent.has(key.split(" ")[0] ?? "")) now.set(key, text);
      else if (key.endsWith(" (silent)")) console.log(visible(`${key.split(" ")[0]} answers again`));
      else console.log(visible(`${key.replace(" ", "  ")}  waits no more`));
    }
    known = now;
    await pause(watchMs);
  }
}

function renderHeld(held: Held): string {
  const { deployment, callId, tool, reason, approvals, needed, role, expires } = held;
  const who = role === null ? "anybody but who asked" : `role ${role}`;
  return `${deployment}  ${callId}  ${tool}  ${reason}  ${approvals.length} of ${needed} approved (${who})  until ${expires}`;
}

function renderSilent({ deployment, why }: Waiting["unreachable"][number]): string {
  return `${deployment} did not answer, what waits there is not shown: ${why}`;
}
