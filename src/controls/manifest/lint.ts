// Control `least-privilege`, `review`: what a well-formed deployment file still gets wrong. Pure. Each finding names the
// field and the fix; an `error` stops `check` and `deploy`, a `warning` is printed and goes on.
import { decidePlan } from "../egress/destination.ts";
import { lintBounds } from "./lint-bounds.ts";
import { lintChannels } from "./lint-channels.ts";
import { lintCombination, lintMode } from "./lint-combination.ts";
import { lintLimits } from "./lint-limits.ts";
import { lintPeople } from "./lint-people.ts";
import { modelName } from "./model-name.ts";
import type { Contract, Manifest } from "./schema.ts";
import { findSqlFaults, sqlParameters } from "./sql-parameters.ts";

export interface Finding {
  readonly level: "error" | "warning";
  readonly field: string;
  readonly message: string;
}

/** Everything wrong or weak in a parsed deployment file. */
export function lintManifest(manifest: Manifest): Finding[] {
  return [
    ...lintEgress(manifest),
    ...lintNames(manifest),
    ...Object.entries(manifest.servers).flatMap(([server, { tools }]) =>
      Object.entries(tools).flatMap(([tool, contract]) => lintContract(`servers.${server}.tools.${tool}`, contract)),
    ),
    ...Object.entries(manifest.records).flatMap(([view, record]) => lintRecord(`records.${view}`, record)),
    ...lintPeople(manifest),
    ...lintChannels(manifest),
    ...lintCombination(manifest),
    ...lintMode(manifest),
    ...lintLimits(manifest),
  ];
}

function error(field: string, message: string): Finding {
  return { level: "error", field, message };
}

/** A rule that can never take effect is a mistake, and the broker would only say so when it is used. */
function lintEgress(manifest: Manifest): Finding[] {
  const plain = lintAddresses(manifest);
  if (plain.length > 0) return plain;
  const plan = decidePlan(manifest);
  if (plan.verdict === "allow") return [];
  const { field = "egress", message } = plan.refusal;
  return [error(field, message.replace(`${field}: `, ""))];
}

function lintAddresses(manifest: Manifest): Finding[] {
  const urls: [string, string][] = [["agent.model.base_url", manifest.agent.model.base_url]];
  for (const [name, server] of Object.entries(manifest.servers)) urls.push([`servers.${name}.url`, server.url]);
  return urls.flatMap(([field, text]) => {
    const url = new URL(text);
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    const listed = manifest.egress.allow_internal.some((place) => place.toLowerCase() === `${url.hostname}:${port}`);
    if (listed || url.protocol === "https:") return [];
    return [
      error(
        field,
        `http:// is for this machine or network only: add "${url.hostname}:${port}" to egress.allow_internal`,
      ),
    ];
  });
}

function lintNames(manifest: Manifest): Finding[] {
  const seen = new Map<string, string>();
  const findings: Finding[] = [];
  for (const view of Object.keys(manifest.records)) seen.set(view, `records.${view}`);
  for (const [name, server] of Object.entries(manifest.servers)) {
    for (const tool of Object.keys(server.tools)) {
      const field = `servers.${name}.tools.${tool}`;
      const shown = modelName(tool);
      const other = seen.get(shown);
      if (other)
        findings.push(error(field, `the name "${shown}" is taken by ${other}; the model could not tell them apart`));
      seen.set(shown, field);
    }
  }
  return findings;
}

function lintContract(field: string, contract: Contract): Finding[] {
  const findings: Finding[] = [];
  const { effect, impact, authority, payload, bind } = contract;
  if (effect === "read" && impact !== "none") {
    findings.push(error(field, `a read has no impact: make impact none, or say the real effect`));
  }
  if ((effect === "outward" || effect === "irreversible") && authority.length === 0) {
    findings.push(error(`${field}.authority`, `name the arguments that decide who, where, which or how much`));
  }
  for (const key of Object.keys(bind)) {
    if (authority.includes(key) || payload.includes(key)) {
      findings.push(
        error(`${field}.bind.${key}`, `is bound and therefore never the model's: remove it from authority and payload`),
      );
    }
  }
  for (const key of authority.filter((name) => payload.includes(name))) {
    findings.push(error(`${field}.authority`, `"${key}" stands under authority and payload; choose one`));
  }
  findings.push(...lintBounds(field, contract));
  return findings;
}

function lintRecord(field: string, record: Manifest["records"][string]): Finding[] {
  const findings: Finding[] = [];
  for (const fault of findSqlFaults(record.sql)) findings.push(error(`${field}.sql`, fault));
  const names = sqlParameters(record.sql);
  for (const key of Object.keys(record.bind)) {
    if (!names.includes(key)) findings.push(error(`${field}.bind.${key}`, `:${key} does not stand in the SQL`));
  }
  return findings;
}
