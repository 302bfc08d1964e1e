// Control `redeploys`: the second person. Whoever proposed a release wants to agree with themselves, under another spelling
// if need be, or to have others agree to one thing and run another. Must stay true: the people are those of the release
// that runs, who proposed never counts, one denial ends it, and a proposal counts only while the release that it was
// compared with runs.
import { decideVote, approversOf, type Requirement } from "../../controls/approvals/vote.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { ProposalView } from "../../controls/wire/releases.ts";
import type { Host } from "./host.ts";
import { makeProblem } from "./problem.ts";
import { proposalMs, type Proposal, type ProposalVote } from "./proposal-store.ts";
import type { DeploymentRow } from "./registry.ts";
import type { AuthorityDiffView } from "../../controls/wire/releases.ts";

/** Keeps a release until people agree. */
export function propose(
  { registry, log }: Host,
  before: DeploymentRow,
  release: Release,
  authority: AuthorityDiffView,
  by: string,
): ProposalView {
  const { name } = before;
  const now = Date.now();
  registry.audit.together(() => {
    registry.proposals.put(name, release, authority, by, now);
    const detail = { release: release.release, against: authority.from, diff: authority.hash, by: printable(by, 254) };
    registry.audit.append(name, "deploy_proposed", detail);
  });
  log.event("deploy_proposed", { deployment: name, release: release.release });
  const proposal = registry.proposals.find(name, release.release, now);
  if (proposal === undefined) throw new Error(`the proposal of ${name} was not kept`);
  return viewProposal(before, proposal);
}

/** As people see it, with the words of the release that runs. */
export function viewProposal({ release }: Pick<DeploymentRow, "release">, proposal: Proposal): ProposalView {
  const requirement = requirementOf(release, proposal.by);
  const counted = new Set(approversOf(requirement, proposal.votes));
  const iso = (at: number): string => new Date(at).toISOString();
  return {
    release: proposal.release,
    against: proposal.against,
    state: proposal.state,
    by: proposal.by,
    at: iso(proposal.at),
    expires: iso(proposal.at + proposalMs),
    role: requirement.role ?? "",
    needed: requirement.count,
    approvals: proposal.votes
      .filter(({ by, decision }) => decision === "approve" && counted.has(by))
      .map(({ by, at }) => ({ by, at: iso(at) })),
    authority: proposal.authority,
  };
}

/** Takes one decision. `run` when enough people agreed and the release may run now. */
export function decideProposal(
  host: Host,
  before: DeploymentRow,
  hash: string,
  vote: ProposalVote,
): Problem | { readonly verdict: "waits" | "denied" | "run"; readonly proposal: Proposal } {
  const { registry } = host;
  const { name } = before;
  const found = registry.proposals.find(name, hash, vote.at);
  if (found === undefined) return makeProblem(404, "no_such_proposal", `nothing waits under this hash in ${name}`);
  if (found.state !== "open") return over(name, found.state);
  if (before.release?.release !== found.against) {
    registry.proposals.setState(name, hash, "void");
    return over(name, "void");
  }
  const tally = decideVote(requirementOf(before.release, found.by), found.votes, vote);
  if ("reason" in tally) return makeProblem(403, tally.reason, words[tally.reason] ?? tally.message, "by");
  registry.audit.together(() => {
    registry.proposals.vote(name, hash, vote);
    if (tally.state === "denied") registry.proposals.setState(name, hash, "denied");
    const event = vote.decision === "approve" ? "deploy_approved" : "deploy_denied";
    registry.audit.append(name, event, { release: hash, by: printable(vote.by, 254), given: tally.given });
  });
  const verdict = tally.state === "held" ? "waits" : tally.state === "approved" ? "run" : "denied";
  return { verdict, proposal: registry.proposals.find(name, hash, vote.at) ?? found };
}

/** A release without `redeploys` asks nobody, so nothing waits under it; whoever is asked all the same is nobody. */
function requirementOf(release: Release | undefined, requester: string): Requirement {
  const { redeploys, approvers = {}, groups = {} } = release?.manifest ?? {};
  const role = redeploys?.by ?? "";
  const members = Object.hasOwn(approvers, role) ? (approvers[role] ?? []) : [];
  return { role, members, groups, count: redeploys?.count ?? 1, requester };
}

function over(name: string, state: Proposal["state"]): Problem {
  return makeProblem(
    409,
    "proposal_over",
    `this proposal of ${name} is ${state}: ${endings[state] ?? "deploy it again"}`,
  );
}

const endings: Readonly<Partial<Record<Proposal["state"], string>>> = {
  void: "another release runs than the one it was compared with; propose it again",
  expired: "nobody decided in 7 days; propose it again",
  deployed: "it runs, or ran, already",
};

const words: Readonly<Record<string, string>> = {
  requester_cannot_approve: "whoever proposed a release cannot approve it: somebody else must; they may deny it",
  not_an_approver: "only people of the role under redeploys.by of the running release may decide this",
  already_decided: "this person approved it already; one person counts once",
};
