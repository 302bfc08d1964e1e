// Control `redeploys`: back to a release that ran, in one command. Whoever got a wide release to run once wants it back
// later without being asked: only what ran may come back so, and where the running release names people who must agree,
// only what ran right before it does without them.
import { printable } from "../../controls/manifest/printable.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { ProposalDecided } from "../../controls/wire/control.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { proposalDecision, rollbackRequest } from "../../controls/wire/releases.ts";
import type { z } from "zod";
import { onlyOne, replace, type Deployed } from "./deploy.ts";
import { compareRelease, decideRollback } from "./growth.ts";
import type { Host } from "./host.ts";
import { makeProblem, noSuchDeployment } from "./problem.ts";
import { decideProposal, propose, viewProposal } from "./proposals.ts";
import type { DeploymentRow } from "./registry.ts";

/** Has the release before run again, or the one that is named. */
export function rollback(host: Host, name: string, asked: z.infer<typeof rollbackRequest>): Promise<Deployed> {
  return onlyOne<Deployed>(host, name, async () => {
    const before = host.registry.find(name);
    if (before === undefined) return { problem: noSuchDeployment(name) };
    const release = findRelease(host, before, asked.release);
    if ("status" in release) return { problem: release };
    const authority = compareRelease(before, release);
    const by = printable(asked.by, 254);
    const order = { release, authority, by, drainMs: asked.drainMs, diff: authority.hash };
    if (before.release === undefined) return replace(host, before, order);
    const running = { ...before, release: before.release };
    if (decideRollback(host, running, authority) === "propose")
      return { proposed: propose(host, before, release, authority, by) };
    return replace(host, before, order);
  });
}

function findRelease({ registry }: Host, before: DeploymentRow, digits: string | undefined): Release | Problem {
  const { name } = before;
  const running = before.release?.release ?? "";
  const found =
    digits === undefined ? [registry.releases.before(name, running)] : registry.releases.match(name, digits);
  const [hash, other] = found;
  if (hash === undefined) {
    const which = digits === undefined ? "no other release" : `no release ${digits}`;
    return makeProblem(
      404,
      "no_such_release",
      `${which} of ${name} has run: see ./ambit deploys ls ${name}`,
      "release",
    );
  }
  if (other !== undefined)
    return makeProblem(
      409,
      "which_release",
      `several releases of ${name} begin with ${digits}: give more digits`,
      "release",
    );
  if (hash === running)
    return makeProblem(409, "runs_already", `release ${hash.slice(0, 12)} of ${name} runs already`, "release");
  const release = registry.releases.open(name, hash);
  if (release !== undefined) return release;
  const detail = `release ${hash.slice(0, 12)} was written for another version of Ambit: deploy its file again`;
  return makeProblem(409, "release_not_readable", detail, "release");
}

type Decided = { readonly decided: ProposalDecided } | { readonly problem: Problem };

/** A person's word on a proposal; the last that is needed has it run. */
export function decideAndRun(
  host: Host,
  name: string,
  hash: string,
  { decision, by, drainMs }: z.infer<typeof proposalDecision>,
): Promise<Decided> {
  const { registry } = host;
  return onlyOne<Decided>(host, name, async () => {
    const before = registry.find(name);
    if (before === undefined) return { problem: noSuchDeployment(name) };
    const decided = decideProposal(host, before, hash, { by, decision, at: Date.now() });
    if ("status" in decided) return { problem: decided };
    const { proposal, verdict } = decided;
    const release = registry.proposals.open(name, hash);
    if (verdict !== "run") return { decided: { proposal: viewProposal(before, proposal), deployed: null } };
    if (release === undefined) {
      const detail = "this proposal was written for another version of Ambit: deploy its file again";
      return { problem: makeProblem(409, "release_not_readable", detail) };
    }
    const { authority } = proposal;
    const deployed = await replace(host, before, {
      release,
      authority,
      by: proposal.by,
      diff: authority.hash,
      drainMs,
    });
    registry.proposals.setState(name, hash, "answer" in deployed ? "deployed" : "failed");
    if (!("answer" in deployed)) return "problem" in deployed ? deployed : { problem: noSuchDeployment(name) };
    const after = registry.proposals.find(name, hash, Date.now()) ?? proposal;
    return { decided: { proposal: viewProposal(before, after), deployed: deployed.answer } };
  });
}
