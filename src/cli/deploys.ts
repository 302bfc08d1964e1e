// `./ambit deploys`, `./ambit rollback`, `./ambit rm`: what ran, what waits for a second person, the way back and the end.
import type { DeployAnswer, ProposalDecided } from "../controls/wire/control.ts";
import type { ProposalView, ReleaseList, removeAnswer } from "../controls/wire/releases.ts";
import type { z } from "zod";
import { CommandError, readLine, UsageError, type Line } from "./arguments.ts";
import { renderAuthority, visible } from "./authority.ts";
import { askHost } from "./ask-host.ts";
import { readDrain, readWho, renderDeployed, renderProposal, tellProposal } from "./proposal.ts";

const usage =
  "deploys ls NAME | show NAME RELEASE | approve NAME RELEASE | deny NAME RELEASE [--by WHO] [--drain SECONDS]";
const rollbackUsage = "rollback NAME [RELEASE] [--by WHO] [--drain SECONDS]";

export async function runDeploys(args: string[]): Promise<number> {
  const line = readLine(args, usage, { by: "text", drain: "text" }, [2, 3]);
  const [what, name = "", digits] = line.words;
  const list = await askHost<ReleaseList>(line, "GET", path(name, "releases"));
  if (what === "ls" && digits === undefined) {
    console.log(line.has("json") ? JSON.stringify(list) : renderReleases(name, list));
    return 0;
  }
  if (digits === undefined || !["show", "approve", "deny"].includes(what ?? ""))
    throw new UsageError(`Usage: ./ambit ${usage}`);
  const found = list.proposals.filter(({ release }) => release.startsWith(digits.toLowerCase()));
  const [proposal, other] = found;
  if (proposal === undefined || other !== undefined)
    throw new CommandError(`${found.length} proposals of ${name} begin with ${digits}: see ./ambit deploys ls ${name}`);
  if (what === "show") {
    console.log(line.has("json") ? JSON.stringify(proposal) : renderProposal(name, proposal));
    return 0;
  }
  return decide(line, name, proposal, what === "approve" ? "approve" : "deny");
}

export async function runRollback(args: string[]): Promise<number> {
  const line = readLine(args, rollbackUsage, { by: "text", drain: "text" }, [1, 2]);
  const [name = "", release] = line.words;
  const body = {
    ...(release === undefined ? {} : { release: release.toLowerCase() }),
    by: readWho(line),
    ...readDrain(line, rollbackUsage),
  };
  const answer = await askHost<DeployAnswer | ProposalView>(line, "POST", path(name, "rollback"), body);
  if ("state" in answer) return tellProposal(line, name, answer);
  if (line.has("json")) {
    console.log(JSON.stringify(answer));
    return 0;
  }
  console.log(renderAuthority(name, answer.authority));
  if (answer.authority.grew.length > 0) console.log("This release ran before, so what grew was accepted then.");
  console.log(renderDeployed(answer));
  return 0;
}

export async function runRemove(args: string[]): Promise<number> {
  const line = readLine(args, "rm NAME --confirm NAME [--by WHO]", { confirm: "text", by: "text" }, [1, 1]);
  const name = line.words[0] ?? "";
  if (line.text("confirm") !== name) {
    throw new UsageError(
      `this takes away all conversations and secrets of ${name}; to do it: ./ambit rm ${name} --confirm ${name}`,
    );
  }
  const body = { confirm: name, by: readWho(line) };
  const answer = await askHost<z.infer<typeof removeAnswer>>(line, "DELETE", path(name, ""), body);
  if (line.has("json")) console.log(JSON.stringify(answer));
  else if (answer.notSealed === null) console.log(`${name} is removed. Its audit chains, sealed: ${answer.kept}`);
  else
    console.log(
      `${name} is removed. Its chains could not be sealed (${answer.notSealed}); its gate's own file: ${answer.kept ?? "none"}`,
    );
  return 0;
}

function renderReleases(name: string, { releases, proposals }: ReleaseList): string {
  const rows = releases.map(({ release, at, by, outcome, running }) =>
    visible(`${release.slice(0, 12)}  ${at}  ${by === "" ? "-" : by}  ${running ? "runs" : outcome}`),
  );
  const open = proposals.filter(({ state }) => state === "open");
  return [...rows, ...open.map((proposal) => `\n${renderProposal(name, proposal)}`)].join("\n");
}

async function decide(line: Line, name: string, proposal: ProposalView, decision: "approve" | "deny"): Promise<number> {
  const body = { decision, by: readWho(line), ...readDrain(line, usage) };
  const where = path(name, `proposals/${proposal.release}`);
  const { proposal: after, deployed } = await askHost<ProposalDecided>(line, "POST", where, body);
  if (line.has("json")) console.log(JSON.stringify({ proposal: after, deployed }));
  else
    console.log(
      deployed === null ? renderProposal(name, after) : `${renderProposal(name, after)}\n${renderDeployed(deployed)}`,
    );
  return 0;
}

function path(name: string, rest: string): string {
  return `/v1/deployments/${encodeURIComponent(name)}${rest === "" ? "" : `/${rest}`}`;
}
