// Control `redeploys`: what one release may do that another may not, as lines that a person can judge. An attacker wants a
// release that allows more and looks as if it did not: so every fact is compared by what it allows, not by where it stands
// in the file; what cannot be compared counts as growth; and the hash that is accepted is over exactly these lines and
// these two releases. Pure: the supervisor computes it from the release that runs and the one that comes.
import { isListed } from "../access/people.ts";
import { sha256Hex } from "../audit/digest.ts";
import type { Fact } from "./authority-fact.ts";
import { listAuthority } from "./authority-facts.ts";
import { canonicalJson } from "./hash.ts";
import type { Release } from "./release.ts";

/** One line of a difference: `before` null when it is new, `after` null when it is gone. */
export interface Change {
  readonly kind: string;
  readonly subject: string;
  readonly before: string | null;
  readonly after: string | null;
}

export interface AuthorityDiff {
  /** What it may do now and could not before, or does without a bound that was there. */
  readonly grew: readonly Change[];
  readonly shrank: readonly Change[];
  /** What steers it and grants nothing. */
  readonly changed: readonly Change[];
}

type Verdict = keyof AuthorityDiff;

/** What `after` allows beside `before`; of a first release everything is new. */
export function diffAuthority(before: Release | undefined, after: Release): AuthorityDiff {
  return diffFacts(before === undefined ? [] : listAuthority(before), listAuthority(after));
}

/** The same of two lists of facts, in whatever order they stand. */
export function diffFacts(before: readonly Fact[], after: readonly Fact[]): AuthorityDiff {
  const diff = { grew: [] as Change[], shrank: [] as Change[], changed: [] as Change[] };
  // A role that decides in several places changes once.
  const lines = new Map(compare(before, after).map((line) => [canonicalJson(line), line]));
  for (const [verdict, change] of lines.values()) diff[verdict].push(change);
  for (const changes of Object.values(diff)) changes.sort(byPlace);
  return diff;
}

/** What is accepted by whoever accepts a difference: SHA-256, hex, over its lines and both releases. */
export function hashDiff(from: string | null, to: string, { grew, shrank, changed }: AuthorityDiff): string {
  return sha256Hex(`ambit-authority-v1\n${canonicalJson({ from, to, grew, shrank, changed })}`);
}

/** One line for a person. */
export function describeChange({ kind, subject, before, after }: Change): string {
  const what = subject === "" ? kind : `${kind} ${subject}`;
  if (before === null) return `${what}: ${after ?? ""}`;
  return after === null ? `${what}: no more ${before}` : `${what}: ${before} -> ${after}`;
}

function compare(before: readonly Fact[], after: readonly Fact[]): [Verdict, Change][] {
  const [old, now] = [index(before), index(after)];
  const [wasNamed, isNamed] = [domainsOf(before), domainsOf(after)];
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    // Whoever comes was named by a domain before, or whoever goes is named by one now.
    if (was === undefined ? is !== undefined && wasNamed(is) : is === undefined && isNamed(was)) return [];
    return compareOne(was, is);
  });
}

/** Whether a person is one of a whole domain that stands in the same list. */
function domainsOf(facts: readonly Fact[]): (person: Fact) => boolean {
  const domains = facts.filter((fact) => isPerson(fact) && fact.value.startsWith("*@"));
  return (person) =>
    isPerson(person) &&
    domains.some(
      ({ kind, subject, value }) =>
        kind === person.kind && subject === person.subject && isListed(person.value, [value], {}),
    );
}

function isPerson({ kind }: Fact): boolean {
  return kind === "user" || kind === "approver";
}

function compareOne(old: Fact | undefined, now: Fact | undefined): [Verdict, Change][] {
  const fact = old ?? now;
  if (fact === undefined) return [];
  const change = { kind: fact.kind, subject: fact.subject, before: old?.value ?? null, after: now?.value ?? null };
  if (old === undefined || now === undefined) {
    if (fact.sense === "steers") return [["changed", change]];
    // A bound that goes lets more through, as a grant that comes does.
    return [[(fact.sense === "grants") === (old === undefined) ? "grew" : "shrank", change]];
  }
  if (old.parts !== undefined || now.parts !== undefined) return compare(old.parts ?? [], now.parts ?? []);
  if (old.value === now.value) return [];
  if (fact.sense === "steers") return [["changed", change]];
  return old.width === now.width ? [] : [[(now.width ?? 0) > (old.width ?? 0) ? "grew" : "shrank", change]];
}

/** Two values that cannot be compared are two facts: one goes and one comes, and one of the two is growth. */
function index(facts: readonly Fact[]): Map<string, Fact> {
  return new Map(
    facts.map((fact) => {
      const isOpaque = fact.sense !== "steers" && fact.width === null && fact.parts === undefined;
      return [JSON.stringify([fact.kind, fact.subject, fact.sense, isOpaque ? fact.value : null]), fact];
    }),
  );
}

function byPlace(one: Change, other: Change): number {
  const [a, b] = [one, other].map((change) =>
    canonicalJson([change.kind, change.subject, change.before, change.after]),
  );
  return (a ?? "") < (b ?? "") ? -1 : 1;
}
