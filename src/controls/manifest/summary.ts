// Control `least-privilege`, `redeploys`: what one deployment can read, change and expose, computed from its file alone,
// so that an operator and a reviewer see the same lines. Nothing a model or a server says enters here.
import { findCombination, type Combination } from "./combination.ts";
import { describeBounds, describeLimits } from "./describe-bounds.ts";
import { peopleOf } from "../access/people.ts";
import type { Contract, Manifest, RecordView } from "./schema.ts";

/** Names of one list that one line shows. */
const mostNames = 8;

export interface AuthoritySummary {
  readonly name: string;
  readonly purpose: string;
  /** `observe`: what would wait for a person or be refused happens all the same. */
  readonly mode: Manifest["mode"];
  /** Sources whose content reaches the model; `untrusted` ones may carry somebody else's instructions. */
  readonly reads: readonly string[];
  /** What it changes without asking. */
  readonly changes: readonly string[];
  /** What waits for a person, with who decides and for how long. */
  readonly asks: readonly string[];
  /** What would need a person where nobody is there to decide. */
  readonly never: readonly string[];
  /** Where data can leave to. */
  readonly exposes: readonly string[];
  /** Which tools give untrusted text, private data and unwatched ways out. */
  readonly combination: Combination;
  readonly secrets: readonly string[];
  readonly limits: readonly string[];
  readonly speakers: readonly string[];
}

interface Tool {
  readonly label: string;
  readonly contract: Contract;
}

/** Summarises a parsed deployment file in plain lines. */
export function summarizeAuthority(manifest: Manifest): AuthoritySummary {
  const tools = Object.entries(manifest.servers).flatMap(([server, { tools: named }]) =>
    Object.entries(named).map(([tool, contract]) => ({ label: `${server}.${tool}`, contract })),
  );
  const isReviewed = ({ contract }: Tool) =>
    contract.impact !== "none" || contract.effect === "irreversible" || contract.review !== undefined;
  const { mode, unattended } = manifest;
  // Observing holds nothing, and where nobody is there to decide nothing is held: it does not run.
  const waits = (tool: Tool) => mode === "enforce" && !unattended && isReviewed(tool);
  const never = (tool: Tool) => mode === "enforce" && unattended && isReviewed(tool);
  const acts = tools.filter((tool) => tool.contract.effect !== "read" && !never(tool));
  const outward = acts.filter(({ contract }) => contract.effect === "outward" || contract.effect === "irreversible");
  return {
    name: manifest.name,
    purpose: manifest.purpose,
    mode,
    reads: [...Object.entries(manifest.records).map(describeView), ...tools.flatMap(describeRead)],
    changes: acts.filter((tool) => !waits(tool)).map(describeAct),
    asks: tools.filter(waits).map((tool) => describeReview(tool, manifest)),
    never: tools.filter(never).map(({ label }) => `${label}: needs a person, and nobody is there (unattended)`),
    exposes: [
      `model ${manifest.agent.model.name} at ${manifest.agent.model.base_url}`,
      ...outward.map((tool) => `${tool.label} (${tool.contract.effect}${waits(tool) ? ", after a person" : ""})`),
      ...manifest.egress.allow,
      ...manifest.egress.allow_internal.map((place) => `${place} (internal)`),
    ],
    combination: findCombination(manifest),
    secrets: secretNames(manifest),
    limits: describeLimits(manifest),
    speakers: describeSpeakers(manifest),
  };
}

function describeView([view, record]: [string, RecordView]): string {
  return withUntrusted(`records.${view} of ${record.file}`, record.returns);
}

function describeRead({ label, contract }: Tool): string[] {
  return contract.effect === "read" ? [withUntrusted(label, contract.returns)] : [];
}

function withUntrusted(label: string, returns: Contract["returns"]): string {
  const untrusted = Object.keys(returns).filter((field) => returns[field] === "untrusted");
  return untrusted.length > 0 ? `${label} (untrusted: ${untrusted.join(", ")})` : label;
}

function describeAct({ label, contract }: Tool): string {
  return `${label} (${[contract.effect, ...describeBounds(contract)].join(", ")})`;
}

function describeReview({ label, contract }: Tool, { approvers, groups }: Manifest): string {
  const { impact, effect, review } = contract;
  const role = review && Object.hasOwn(approvers, review.by) ? approvers[review.by] : undefined;
  const people = peopleOf(role ?? [], groups);
  const names = people.length > 0 ? ` (${shortList(people)})` : "";
  const who = review ? `${review.count} of ${review.by}${names}, within ${review.expires}` : "one person, within 4h";
  return `${label} (${[effect, `impact ${impact}`, ...describeBounds(contract)].join(", ")}): ${who}`;
}

function describeSpeakers({ channels, groups, hosts }: Manifest): string[] {
  const speakers = Object.entries(channels).flatMap(([channel, lists]) => {
    if (lists === undefined) return [];
    const { users, rooms, workspaces } = lists;
    const by = channel === "api" ? "" : ` by ${channel}`;
    return [
      ...peopleOf(users, groups).map((person) => `${person}${by}`),
      ...(rooms ? [`only from rooms ${shortList(rooms)}${by}`] : []),
      ...(workspaces ? [`only from workspaces ${shortList(workspaces)}${by}`] : []),
    ];
  });
  return speakers.length === 0 ? [] : [...speakers, ...(hosts ? [`under the host names ${shortList(hosts)}`] : [])];
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, mostNames).join(", ");
  return names.length > mostNames ? `${shown} and ${names.length - mostNames} more` : shown;
}

/** Names of all secrets the file speaks of. */
export function secretNames(manifest: Manifest): string[] {
  const model = manifest.agent.model.credential?.slice("secret:".length);
  const servers = Object.values(manifest.servers).map((server) => server.credential?.secret);
  const signing = manifest.channels.webhook?.secret;
  return [...new Set([model, ...servers, signing].filter((name) => name !== undefined))].sort();
}
