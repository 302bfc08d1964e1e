// `./ambit deploy FILE` and `./ambit diff FILE`: checks the file, reads what it names, shows what the release may do beside
// the one that runs, hands it to the host and waits until it serves. Growth needs --yes, or a yes on a terminal.
import { createInterface } from "node:readline/promises";
import { summarizeAuthority } from "../controls/manifest/summary.ts";
import type { Release } from "../controls/manifest/release.ts";
import type { DeployAnswer } from "../controls/wire/control.ts";
import type { AuthorityDiffView, ProposalView } from "../controls/wire/releases.ts";
import { CommandError, readLine, type Line } from "./arguments.ts";
import { renderAuthority, renderNarrowed } from "./authority.ts";
import { describePolicy, renderSummary } from "./check.ts";
import { askHost } from "./ask-host.ts";
import { loadRelease } from "./load-release.ts";
import { observeWarning, red } from "./paint.ts";
import { readDrain, readWho, renderDeployed, tellProposal } from "./proposal.ts";

const deployUsage = "deploy FILE [--yes] [--by WHO] [--drain SECONDS] [--json]";

export async function runDeploy(args: string[]): Promise<number> {
  const line = readLine(args, deployUsage, { yes: "switch", by: "text", drain: "text" }, [1, 1]);
  const { release, warnings, narrowed } = loadRelease(line.words[0] ?? "");
  const policy = await describePolicy(release);
  const { name } = release.manifest;
  const says = (text: string): void => void (line.has("json") || console.log(text));
  const authority = await askDiff(line, name, release);
  says(renderSummary(summarizeAuthority(release.manifest)));
  for (const text of renderNarrowed(narrowed)) says(text);
  if (authority.from !== null) {
    says(`\n${renderAuthority(name, authority, narrowed)}`);
    if (authority.grew.length > 0 && !line.has("yes") && !(await isAgreed(line))) return refuse(line, name, authority);
  }
  const answer = await put(line, release, authority);
  if ("state" in answer) return tellProposal(line, name, answer);
  if (line.has("json")) console.log(JSON.stringify({ ...answer, warnings }));
  for (const { field, message } of warnings) says(`warning: ${field} ${message}`);
  for (const text of policy) says(text);
  says(renderDeployed(answer));
  if (release.manifest.mode === "observe") says(red(observeWarning(name)));
  if (answer.token) says(`Token, shown once: ${answer.token}`);
  return 0;
}

export async function runDiff(args: string[]): Promise<number> {
  const line = readLine(args, "diff FILE [NAME] [--json]", {}, [1, 2]);
  const { release, narrowed } = loadRelease(line.words[0] ?? "");
  const name = line.words[1] ?? release.manifest.name;
  const authority = await askDiff(line, name, release);
  console.log(line.has("json") ? JSON.stringify(authority) : renderAuthority(name, authority, narrowed));
  return 0;
}

function askDiff(line: Line, name: string, release: Release): Promise<AuthorityDiffView> {
  return askHost(line, "POST", `/v1/deployments/${encodeURIComponent(name)}/diff`, { release });
}

function put(line: Line, release: Release, authority: AuthorityDiffView): Promise<DeployAnswer | ProposalView> {
  const accept = authority.grew.length > 0 ? { accept: authority.hash } : {};
  const body = { release, ...accept, by: readWho(line), ...readDrain(line, deployUsage) };
  return askHost(line, "PUT", `/v1/deployments/${release.manifest.name}`, body);
}

/** Asks where somebody is there to answer. */
async function isAgreed(line: Line): Promise<boolean> {
  if (line.has("json") || process.stdin.isTTY !== true || process.stdout.isTTY !== true) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question("It may do more than before. Deploy it? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

function refuse(line: Line, name: string, authority: AuthorityDiffView): number {
  if (line.has("json")) console.log(JSON.stringify({ refused: "authority_grew", authority }));
  const count = authority.grew.length;
  const what = `${count} ${count === 1 ? "line" : "lines"} marked +`;
  throw new CommandError(`${name} may do more than before (${what}) and was not deployed: look, then say --yes`, 3);
}
