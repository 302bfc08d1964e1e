// Control `workflow`: the policies of a file, read and checked against the deployment before it runs. A typing mistake must
// not become a rule that never applies: unknown names, policies that are always false and names nobody can have are faults,
// and a fault fails the deploy with Cedar's own words and place.
import type { Json } from "../../boundary.ts";
import { printable } from "../manifest/printable.ts";
import type { Manifest } from "../manifest/schema.ts";
import type { CedarApi, CedarFault } from "./cedar-api.ts";
import { namesOf, type ArgumentType } from "./cedar-arguments.ts";
import { buildSchema, type CedarTool } from "./cedar-schema.ts";
import { charsBefore, placeOf, splitPolicies } from "./cedar-text.ts";
import { readNames, type PolicyNames } from "./cedar-names.ts";

export interface CedarPolicy extends PolicyNames {
  /** What Cedar calls it here. */
  readonly key: string;
  /** Its `@id`, or `policy` with its position as Cedar's own tools count. */
  readonly id: string;
  readonly reason: string | undefined;
  readonly isPermit: boolean;
  readonly text: string;
  readonly offset: number;
  readonly line: number;
}

export interface PolicyFinding {
  readonly level: "error" | "warning";
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Cedar checks each policy for each tool: a second or two for this many characters times tools, which a health check waits for. */
const maxWork = 3_000_000;
const maxTools = 1000;
/** Where a type is not known, each of these must fail before it counts as a fault. */
const candidates: readonly ArgumentType[] = ["String", "Long", "Boolean", "decimal", "Set of String", "Set of Long"];

/** Name of the policy file in messages. */
export function policyFile(manifest: Manifest): string {
  return (manifest.policy ?? "policy.cedar").replace(/^(\.\/)+/, "");
}

/** `policy.cedar:3:14: what is wrong`. */
export function describeFinding(manifest: Manifest, { line, column, message }: PolicyFinding): string {
  return `${policyFile(manifest)}:${line}:${column}: ${message}`;
}

/** The policies of a text, or the first thing that keeps them from being read. */
export function parsePolicies(api: CedarApi, text: string): CedarPolicy[] | PolicyFinding {
  const parts = splitPolicies(text);
  if (!Array.isArray(parts)) return finding(text, parts.offset, parts.message);
  const policies: CedarPolicy[] = [];
  for (const [at, { text: own, offset }] of parts.entries()) {
    const read = api.policyToJson(own);
    if (read.type === "failure") return faultAt(text, own, offset, read.errors[0]);
    const { json } = read;
    const annotations = (json["annotations"] ?? {}) as Record<string, Json>;
    const begins = offset + beforeFirstWord(own);
    const names = readNames(json);
    if (names.fault !== undefined) return finding(text, begins, names.fault);
    const policy: CedarPolicy = {
      ...names,
      key: `p${at}`,
      id: annotation(annotations["id"], 100) ?? `policy${at}`,
      reason: annotation(annotations["reason"], 300),
      isPermit: json["effect"] === "permit",
      ...{ text: own, offset, line: placeOf(text, begins).line },
    };
    const twin = policies.find(({ id }) => id === policy.id);
    if (twin)
      return finding(text, begins, `the id "${policy.id}" is that of the policy in line ${twin.line}; give it another`);
    policies.push(policy);
  }
  return policies;
}

/** Everything that is wrong with a policy text for these tools, errors first in the order of the file. */
export function checkPolicies(
  api: CedarApi,
  text: string,
  manifest: Manifest,
  tools: readonly CedarTool[],
): PolicyFinding[] {
  const policies = parsePolicies(api, text);
  if (!Array.isArray(policies)) return [policies];
  if (tools.length > maxTools || text.length * tools.length > maxWork) {
    const message = `${text.length} characters for ${tools.length} tools and views are too much to check: at most ${maxTools} tools, and ${maxWork} both multiplied`;
    return [finding(text, 0, message)];
  }
  const isKnown = tools.every((tool) => tool.arguments.every(({ type }) => type !== undefined));
  const runs = (isKnown ? candidates.slice(0, 1) : candidates).map((type) => {
    return validate(api, text, policies, buildSchema(manifest, tools, type));
  });
  const [first = [], ...others] = runs;
  const isIn = (one: PolicyFinding, run: readonly PolicyFinding[]) =>
    run.some(({ line, column, message }) => line === one.line && column === one.column && message === one.message);
  const errors = first.filter((one) => others.every((run) => isIn(one, run)));
  return [
    ...errors.map((one) => explainMissing(one, tools)),
    ...policies.filter(({ isPermit }) => isPermit).map((policy) => uselessPermit(text, policy)),
  ];
}

function validate(
  api: CedarApi,
  text: string,
  policies: readonly CedarPolicy[],
  schema: ReturnType<typeof buildSchema>,
): PolicyFinding[] {
  const staticPolicies = Object.fromEntries(policies.map((policy) => [policy.key, policy.text]));
  const answer = api.validate({ schema, policies: { staticPolicies } });
  if (answer.type === "failure") return [faultAt(text, text, 0, answer.errors[0])];
  const { validationErrors, validationWarnings } = answer;
  const isFaulty = (policyId: string) => validationErrors.some((fault) => fault.policyId === policyId);
  // A warning is a policy that never applies, or a text that reads as another one: both are what somebody wants to hide.
  const warnings = validationWarnings.filter(({ policyId }) => !isFaulty(policyId));
  const faults = [...validationErrors, ...warnings].map(({ policyId, error }) => {
    const { text: own, offset } = policies.find(({ key }) => key === policyId) ?? { text, offset: 0 };
    return faultAt(text, own, offset, error);
  });
  return faults.sort((a, b) => a.line - b.line || a.column - b.column);
}

/** Cedar would guess another argument for one that is there and has no type that it knows. */
function explainMissing(found: PolicyFinding, tools: readonly CedarTool[]): PolicyFinding {
  const [, name = ""] = /^attribute `args\.([^`]+)` in context for .* not found/.exec(found.message) ?? [];
  const tool = tools.find(({ contract, arguments: seen }) => {
    return namesOf(contract).includes(name) && !seen.some((one) => one.name === name);
  });
  if (!tool) return found;
  const message = `policies cannot see the argument "${name}" of ${tool.tool}: its schema gives it no single plain type`;
  return { ...found, message };
}

function uselessPermit(text: string, { offset, text: own }: CedarPolicy): PolicyFinding {
  const message = "a permit changes nothing here: what the deployment file allows is allowed until a forbid applies";
  return { ...finding(text, offset + beforeFirstWord(own), message), level: "warning" };
}

/** Cedar's words with its advice, at its place; `own` is the text it read, which begins at `offset` of the whole. */
function faultAt(text: string, own: string, offset: number, fault: CedarFault | undefined): PolicyFinding {
  if (!fault) return finding(text, offset, "Cedar says no and not why");
  const [place] = fault.sourceLocations ?? [];
  const label = place?.label ? ` (${place.label})` : "";
  const help = fault.help ? `: ${fault.help}` : "";
  const words = fault.message.replace(/^for policy `p\d+`[,:] /, "").replace(/^failed to parse \w+ from string: /, "");
  const helpWords = help.replace(/for policy `p\d+`, /, "");
  return finding(text, offset + charsBefore(own, place?.start ?? 0), `${words}${label}${helpWords}`);
}

function finding(text: string, offset: number, message: string): PolicyFinding {
  return { level: "error", ...placeOf(text, offset), message: printable(message, 600) };
}

function annotation(value: Json | undefined, most: number): string | undefined {
  return typeof value === "string" && value !== "" ? printable(value, most) : undefined;
}

/** Characters of the comments and blanks before a policy's first word. */
function beforeFirstWord(own: string): number {
  return /^(?:\s|\/\/[^\n\r]*)*/.exec(own)?.[0].length ?? 0;
}
