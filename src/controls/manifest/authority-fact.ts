// Control `redeploys`: one thing that a release allows or forbids, in the form in which two releases are compared. People
// are told apart as the lists themselves tell them apart (access/people.ts): a person who is named twice, or by a group
// that was renamed, is no change.
import { isListed, peopleOf } from "../access/people.ts";
import { canonicalJson } from "./hash.ts";
import type { Manifest } from "./schema.ts";

export interface Fact {
  readonly kind: string;
  readonly subject: string;
  /** In words. */
  readonly value: string;
  /** `grants` allows something by being there, `bounds` forbids something by being there, `steers` does neither. */
  readonly sense: "grants" | "bounds" | "steers";
  /** More is wider. Null where two values cannot be compared. */
  readonly width: number | null;
  /** What is compared when it stands in both releases; a fact that is new or gone is one line. */
  readonly parts?: readonly Fact[];
}

export function grant(kind: string, subject: string, value: string, width: number | null = null): Fact {
  return { kind, subject, value, sense: "grants", width };
}

export function bound(kind: string, subject: string, value: string, width: number | null = null): Fact {
  return { kind, subject, value, sense: "bounds", width };
}

/** Keys that nothing here knows by name. */
export function unnamed(kind: string, subject: string, rest: object, groups: Manifest["groups"] = {}): Fact[] {
  return Object.entries(rest).flatMap(([key, value]) =>
    value === undefined ? [] : [grant(kind, `${subject}${key}`, canonicalJson(spellOut(value, groups)))],
  );
}

/** Parameters or arguments that the operator fixed. */
export function bindFacts(kind: string, subject: string, bind: Readonly<Record<string, unknown>>): Fact[] {
  return Object.entries(bind).map(([key, value]) =>
    bound(kind, `${subject} ${key}`, `always ${JSON.stringify(value)}`),
  );
}

/** Who has a role, told where the role decides something; one that decides nothing is nothing. */
export function roleFacts(role: string, { approvers, groups }: Pick<Manifest, "approvers" | "groups">): Fact[] {
  const list = Object.hasOwn(approvers, role) ? (approvers[role] ?? []) : [];
  return people(list, groups).map((person) => grant("approver", role, person));
}

/** Who is named, each once; whoever a domain names already is not named again. */
export function people(list: readonly string[], groups: Manifest["groups"]): string[] {
  const folded = peopleOf(list, groups).map((name) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  const domains = folded.filter((name) => name.startsWith("*@"));
  const named = folded.filter((name) => name.startsWith("*@") || !isListed(name, domains, {}));
  return [...new Set(named)].sort();
}

/** Groups by their people, wherever they stand. */
function spellOut(value: unknown, groups: Manifest["groups"]): unknown {
  if (Array.isArray(value)) {
    const list: unknown[] = value;
    if (list.some((entry) => typeof entry === "string" && entry.startsWith("group:")))
      return people(list.map(String), groups);
    return list.map((entry) => spellOut(entry, groups));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, spellOut(member, groups)]));
}
