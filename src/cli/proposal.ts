// What deploy, rollback and deploys have in common: whose act it is, how long turns may take to end, a proposal that waits
// for a second person, and what came of it.
import { userInfo } from "node:os";
import type { DeployAnswer } from "../controls/wire/control.ts";
import type { ProposalView } from "../controls/wire/releases.ts";
import { UsageError, type Line } from "./arguments.ts";
import { renderAuthority, visible } from "./authority.ts";
import { describeFreeze } from "./freeze.ts";
import { red } from "./paint.ts";

/** How long turns may take to end on the release before, in milliseconds; undefined leaves it to the host. */
export function readDrain(line: Line, usage: string): { drainMs?: number } {
  const text = line.text("drain");
  if (text === undefined) return {};
  const seconds = Number(text);
  if (!/^[0-9]{1,2}$/.test(text) || seconds > 30)
    throw new UsageError(`--drain: 0 to 30 seconds. Usage: ./ambit ${usage}`);
  return { drainMs: seconds * 1000 };
}

/** Whose act it is, as far as the command line knows. */
export function readWho(line: Line): string {
  return line.text("by") ?? userInfo().username;
}

/** 4: it waits for a person. */
export function tellProposal(line: Line, name: string, proposal: ProposalView): number {
  const how = `It runs once they agree: ./ambit deploys approve ${name} ${proposal.release.slice(0, 12)} --by WHO`;
  console.log(line.has("json") ? JSON.stringify(proposal) : `\n${renderProposal(name, proposal)}\n${how}`);
  return 4;
}

/** A proposal with everything that whoever decides has to know. */
export function renderProposal(name: string, proposal: ProposalView): string {
  const { release, state, by, expires, role, needed, approvals, authority } = proposal;
  return [
    visible(`release ${release.slice(0, 12)} of ${name}, proposed by ${by}: ${state}`),
    `  needs ${needed} of ${role} other than who proposed it; ${approvals.length} agreed`,
    ...approvals.map((one) => visible(`    ${one.by} at ${one.at}`)),
    `  until ${expires}; undecided means no`,
    renderAuthority(name, authority),
  ].join("\n");
}

/** What came of it, as people read it. */
export function renderDeployed({ name, release, url, voided, frozen }: DeployAnswer): string {
  return [
    `\n${name} serves release ${release.slice(0, 12)} at ${url}`,
    ...(voided
      ? [`${voided} held ${voided === 1 ? "call" : "calls"} of the release before ${voided === 1 ? "is" : "are"} void`]
      : []),
    ...(frozen
      ? [
          red(describeFreeze(name, frozen)),
          `It stays frozen, and its tools are listed and pinned by ./ambit thaw ${name}.`,
        ]
      : []),
  ].join("\n");
}
