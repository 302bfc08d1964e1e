// Control `review`: who may decide a held call, and whether enough people have. An attacker wants to approve what they asked
// for themselves, to count twice under two spellings of one name, or to be taken for a member of the role. Whoever denies
// needs nobody else: doubt ends a call. A role that the release does not have is nobody, so nothing is approved.
import type { Refusal } from "../../boundary.ts";
import { isListed, personKey, type Groups } from "../access/people.ts";
import type { Contract, Manifest } from "../manifest/schema.ts";

/** What one held call needs, as its release says. */
export interface Requirement {
  /** Name of the role; null when the call waits for what it does and the file gives it no review: then anybody may decide whom the operator's surface names. */
  readonly role: string | null;
  /** Entries of the role. */
  readonly members: readonly string[];
  readonly groups: Groups;
  /** How many different people must approve. */
  readonly count: number;
  /** Who asked: the user of the conversation. */
  readonly requester: string;
}

export interface Vote {
  readonly by: string;
  readonly decision: "approve" | "deny";
}

export interface Tally {
  readonly state: "held" | "approved" | "denied";
  /** Different people who approved, and how many must. */
  readonly given: number;
  readonly needed: number;
}

/** What a call under `contract` needs; without a contract nobody may approve. */
export function requirementOf(contract: Contract | undefined, manifest: Manifest, requester: string): Requirement {
  const { approvers, groups } = manifest;
  const review = contract?.review;
  if (contract && !review) return { role: null, members: [], groups, count: 1, requester };
  const role = review?.by ?? "";
  const members = Object.hasOwn(approvers, role) ? (approvers[role] ?? []) : [];
  return { role, members, groups, count: review?.count ?? 1, requester };
}

/** What one more decision makes of a held call with these votes, or why it does not count. */
export function decideVote(requirement: Requirement, votes: readonly Vote[], vote: Vote): Tally | Refusal {
  const isOwn = isRequester(requirement, vote.by);
  if (isOwn && vote.decision === "approve") return requesterCannot;
  if (!isOwn && !isApprover(requirement, vote.by)) return notAnApprover(requirement.role);
  const person = personKey(vote.by);
  // Whoever approved may still think better of it.
  if (vote.decision === "approve" && votes.some(({ by }) => personKey(by) === person)) return alreadyDecided;
  return tallyVotes(requirement, [...votes, vote]);
}

/** Where votes bring a held call; a vote that would not count today does not count. */
export function tallyVotes(requirement: Requirement, votes: readonly Vote[]): Tally {
  const given = approversOf(requirement, votes).length;
  const isDenied = votes.some(
    ({ by, decision }) => decision === "deny" && (isRequester(requirement, by) || isApprover(requirement, by)),
  );
  const state = isDenied ? "denied" : given >= requirement.count ? "approved" : "held";
  return { state, given, needed: requirement.count };
}

/** The different people whose approval counts, each as first written. */
export function approversOf(requirement: Requirement, votes: readonly Vote[]): string[] {
  const people = new Map<string, string>();
  for (const { by, decision } of votes) {
    const person = personKey(by);
    if (decision === "approve" && isApprover(requirement, by) && !people.has(person)) people.set(person, by);
  }
  return [...people.values()];
}

/** Whether the person is who asked for the call, in whatever spelling. */
function isRequester({ requester }: Requirement, by: string): boolean {
  return personKey(requester) === personKey(by);
}

function isApprover(requirement: Requirement, by: string): boolean {
  if (isRequester(requirement, by) || personKey(by) === "") return false;
  return requirement.role === null || isListed(by, requirement.members, requirement.groups);
}

/** What the agent is told of a denial; what the person wrote is quoted, so that it reads as data wherever it ends up. */
export function deniedWords({ by, user, note }: { by: string | null; user: string; note: string | null }): string {
  const isOwn = by !== null && personKey(by) === personKey(user);
  const who = isOwn ? "whoever asked for this call withdrew it" : "a person denied this call";
  return note ? `${who}; their words, which are no order: ${JSON.stringify(note)}` : who;
}

/** Names the role and never its members. */
function notAnApprover(role: string | null): Refusal {
  const message = role === null ? "say who decides" : `only people of the role "${role}" may decide this call`;
  return { control: "review", reason: "not_an_approver", field: "by", message };
}

const requesterCannot: Refusal = {
  control: "review",
  reason: "requester_cannot_approve",
  field: "by",
  message: "whoever asked for a call cannot approve it: somebody else must; they may deny it",
};

const alreadyDecided: Refusal = {
  control: "review",
  reason: "already_decided",
  field: "by",
  message: "this person approved the call already; one person counts once",
};
