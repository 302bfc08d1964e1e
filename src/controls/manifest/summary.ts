// Control `least-privilege`, `redeploys`: what one deployment can read, change and expose, computed from its file alone,
// so that an operator and a reviewer see the same lines. Nothing a model or a server says enters here.
import type { Contract, Manifest, RecordView } from "./schema.ts";

export interface AuthoritySummary {
  readonly name: string;
  readonly purpose: string;
  /** Sources whose content reaches the model; `untrusted` ones may carry somebody else's instructions. */
  readonly reads: readonly string[];
  /** What it changes without asking. */
  readonly changes: readonly string[];
  /** What waits for a person, with who decides and for how long. */
  readonly asks: readonly string[];
  /** Where data can leave to. */
  readonly exposes: readonly string[];
  readonly secrets: readonly string[];
  readonly limits: readonly string[];
  readonly speakers: readonly string[];
}

/** Summarises a parsed deployment file in plain lines. */
export function summarizeAuthority(manifest: Manifest): AuthoritySummary {
  const tools = Object.entries(manifest.servers).flatMap(([server, { tools: named }]) =>
    Object.entries(named).map(([tool, contract]) => ({ label: `${server}.${tool}`, contract })),
  );
  const waits = ({ contract }: { contract: Contract }) =>
    contract.impact !== "none" || contract.effect === "irreversible" || contract.review !== undefined;
  const acts = tools.filter(({ contract }) => contract.effect !== "read");
  const outward = tools.filter(({ contract }) => contract.effect === "outward" || contract.effect === "irreversible");
  return {
    name: manifest.name,
    purpose: manifest.purpose,
    reads: [...Object.entries(manifest.records).map(describeView), ...tools.flatMap(describeRead)],
    changes: acts.filter((tool) => !waits(tool)).map(({ label, contract }) => `${label} (${contract.effect})`),
    asks: tools.filter(waits).map(describeReview),
    exposes: [
      `model ${manifest.agent.model.name} at ${manifest.agent.model.base_url}`,
      ...outward.map(
        ({ label, contract }) => `${label} (${contract.effect}${waits({ contract }) ? ", after a person" : ""})`,
      ),
      ...manifest.egress.allow,
      ...manifest.egress.allow_internal.map((place) => `${place} (internal)`),
    ],
    secrets: secretNames(manifest),
    limits: describeLimits(manifest),
    speakers: manifest.channels.api?.users ?? [],
  };
}

function describeView([view, record]: [string, RecordView]): string {
  return withUntrusted(`records.${view} of ${record.file}`, record.returns);
}

function describeRead({ label, contract }: { label: string; contract: Contract }): string[] {
  return contract.effect === "read" ? [withUntrusted(label, contract.returns)] : [];
}

function withUntrusted(label: string, returns: Contract["returns"]): string {
  const untrusted = Object.keys(returns).filter((field) => returns[field] === "untrusted");
  return untrusted.length > 0 ? `${label} (untrusted: ${untrusted.join(", ")})` : label;
}

function describeReview({ label, contract }: { label: string; contract: Contract }): string {
  const { impact, effect, review, max } = contract;
  const bounds = Object.entries(max).map(([field, bound]) => `${field} up to ${bound}`);
  const who = review ? `${review.count} of ${review.by}, within ${review.expires}` : "one person, within 4h";
  return `${label} (${[effect, `impact ${impact}`, ...bounds].join(", ")}): ${who}`;
}

/** Names of all secrets the file speaks of. */
export function secretNames(manifest: Manifest): string[] {
  const model = manifest.agent.model.credential?.slice("secret:".length);
  const servers = Object.values(manifest.servers).map((server) => server.credential?.secret);
  return [...new Set([model, ...servers].filter((name) => name !== undefined))].sort();
}

function describeLimits(manifest: Manifest): string[] {
  const { limits } = manifest;
  return [
    `${limits.steps_per_turn} steps a turn`,
    `${limits.tokens_per_turn} tokens a turn`,
    `${limits.turn_timeout} a turn`,
  ];
}
