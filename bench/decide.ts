// What does one decision cost? The decision of a gate, with everything its Ledger passes, at 1, 10 and 100 tool contracts:
// the decision alone, with a Cedar policy after it, and with the Ledger's look-ups in a table of 10,000 calls of the day.
// Beside it, in the same run, the policy evaluation of `@microsoft/agent-governance-sdk` with rules for the same contracts:
// tool, largest amount, currencies, who must approve. It checks no argument schema, adds no bound arguments and sums nothing
// up; what it does per call beyond ours is a look for protocol facets (SQL and the like) in the context.
// Usage: node bench/decide.ts [--quick] [--rounds N]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as cedar from "@cedar-policy/cedar-wasm/nodejs";
import type { JsonObject } from "../src/boundary.ts";
import type { Release } from "../src/controls/manifest/release.ts";
import { manifestSchema } from "../src/controls/manifest/schema.ts";
import { openCedarOverlay } from "../src/controls/policy/cedar-overlay.ts";
import { parsePolicies } from "../src/controls/policy/cedar-policies.ts";
import { listTools } from "../src/controls/policy/cedar-schema.ts";
import { decideCall } from "../src/controls/policy/decide.ts";
import type { Overlay } from "../src/controls/policy/overlay.ts";
import { parseToolSchema } from "../src/controls/policy/tool-schema.ts";
import { root } from "../src/cli/child.ts";
import { bench } from "./bench.ts";
import { versionOf } from "./machine.ts";
import { row, type Rival, type Row } from "./result.ts";

const rivalName = "@microsoft/agent-governance-sdk";
const mostWarm = 5000;

const schema: JsonObject = {
  type: "object",
  properties: {
    tenant: { type: "string" },
    invoice_id: { type: "string", maxLength: 64 },
    iban: { type: "string", pattern: "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$" },
    cents: { type: "integer", minimum: 1 },
    currency: { enum: ["EUR", "USD", "CHF"] },
  },
  required: ["tenant", "invoice_id", "iban", "cents"],
  additionalProperties: false,
};
const contract = {
  ...{ effect: "irreversible", impact: "spend", authority: ["invoice_id", "iban", "cents", "currency"] },
  ...{ bind: { tenant: "acme" }, max: { cents: 500_000, per_day: 1_000_000 }, only: { currency: ["EUR", "CHF"] } },
  ...{ total: { cents: { per_day: 1e15 } }, review: { by: "finance" } },
};
const policyText = `@reason("no payment over 4,000 on behalf of a temp")
forbid(principal in Group::"temps", action, resource) when { context.args has cents && context.args.cents > 400000 };`;
const args = { invoice_id: "inv_2001", iban: "DE89370400440532013000", cents: 412_000, currency: "EUR" };

function releaseOf(count: number): Release {
  const tools = Object.fromEntries(Array.from({ length: count }, (_, n) => [`pay_${n}`, contract]));
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "clerk", purpose: "x", agent: { instructions: "./i.md", model }, policy: "./policy.cedar" },
    ...{ groups: { temps: ["bob"] }, approvers: { finance: ["fay"] } },
    servers: { erp: { url: "https://erp.example/mcp", tools } },
  });
  return { v: 1, release: "0".repeat(64), manifest, instructions: "", policy: policyText, recordFiles: {} };
}

function openOverlay({ manifest }: Release, id: string): Overlay {
  const policies = parsePolicies(cedar, policyText);
  if (!Array.isArray(policies)) throw new Error(policies.message);
  return openCedarOverlay({ api: cedar, id, manifest, policies, tools: listTools(manifest, () => schema) });
}

/** One decision on the `n`th call of a run; throws when it is not the one that these contracts make. */
type Decide = (n: number) => void;

function ambit(release: Release, count: number, overlay: Overlay | undefined): Decide {
  const parsed = parseToolSchema(schema, "pay");
  if ("reason" in parsed) throw new Error(parsed.message);
  const figures = { per_turn: 1, per_user: 12, per_day: 9000 };
  const used = { calls: figures, sums: new Map([["cents", { per_turn: 0, per_user: 0, per_day: 10_000_000 }]]) };
  const place = { user: "amy", channel: "api", thread: "api:amy:t", turn: 3 };
  const tools = release.manifest.servers["erp"]?.tools ?? {};
  return (n) => {
    const tool = `pay_${n % count}`;
    const call = { callId: "call_1", server: "erp", tool, arguments: args };
    const { verdict } = decideCall(call, {
      ...{
        frozen: null,
        contract: tools[tool],
        schema: parsed,
        isAbsent: false,
        used,
        place,
        approvals: null,
        overlay,
      },
      ...{ mode: "enforce", unattended: false },
    });
    if (verdict.verdict !== "review") throw new Error(`${tool}: ${JSON.stringify(verdict)}`);
  };
}

/** What is used of the other package; its own types are not needed to install or check this repository. */
interface GovernanceSdk {
  readonly PolicyEngine: new () => {
    loadPolicy(policy: object): void;
    evaluatePolicy(agent: string, context: object): { readonly action: string };
  };
}

function governanceSdk({ PolicyEngine }: GovernanceSdk, count: number): Decide {
  const engine = new PolicyEngine();
  const rules = Array.from({ length: count }, (_, n) => [
    { name: `max_${n}`, condition: `tool == 'pay_${n}' and args.cents > 500000`, ruleAction: "deny", priority: 30 },
    {
      ...{ name: `only_${n}`, ruleAction: "deny", priority: 20 },
      condition: `tool == 'pay_${n}' and args.currency not in ['EUR', 'CHF']`,
    },
    {
      ...{ name: `review_${n}`, condition: `tool == 'pay_${n}'`, ruleAction: "require_approval", priority: 10 },
      ...{ approvers: ["finance"], limit: "1000000/day" },
    },
  ]);
  engine.loadPolicy({ name: "clerk", agents: ["*"], scope: "global", default_action: "deny", rules: rules.flat() });
  return (n) => {
    const { action } = engine.evaluatePolicy("did:mesh:clerk", { tool: `pay_${n % count}`, user: "amy", args });
    if (action !== "require_approval") throw new Error(`pay_${n % count}: ${action}`);
  };
}

/** All rivals in turn, round by round, so that noise falls on all of them alike; microseconds. */
function time(rivals: Readonly<Record<string, Decide>>, rounds: number): Record<string, number[]> {
  const samples = Object.fromEntries(Object.keys(rivals).map((name) => [name, [] as number[]]));
  const warm = Math.min(mostWarm, rounds);
  for (let n = 0; n < rounds + warm; n++) {
    for (const [name, decide] of Object.entries(rivals)) {
      const began = performance.now();
      decide(n);
      const micros = (performance.now() - began) * 1000;
      if (n >= warm) samples[name]?.push(micros);
    }
  }
  return samples;
}

/** Code of the gate, which is checked with the types of a Worker: so it is not imported by name here. */
interface DeskFile {
  openDesk(release: Release, schema: JsonObject, calls: number): (name: string, args: JsonObject) => void;
}

/** It comes with the development packages; a copy without them is measured without it. */
function findRival(): { sdk: GovernanceSdk | null; rival: Rival } {
  const { devDependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    devDependencies: Record<string, string>;
  };
  const wanted = { name: rivalName, version: devDependencies[rivalName] ?? "" };
  try {
    const sdk = createRequire(import.meta.url)(rivalName) as GovernanceSdk;
    const version = versionOf(`${root}node_modules/${rivalName}`);
    return { sdk, rival: { name: rivalName, version, state: "measured" } };
  } catch (thrown) {
    const [why = ""] = (thrown as Error).message.split("\n", 1);
    return { sdk: null, rival: { ...wanted, state: "absent", reason: why.slice(0, 200) } };
  }
}

async function measure({ rounds }: { rounds: number }): Promise<{ rows: Row[]; rivals: Rival[] }> {
  const deskFile = new URL("../src/gate/fixtures/decide-desk.js", import.meta.url).href;
  const { openDesk } = (await import(deskFile)) as DeskFile;
  const { sdk, rival } = findRival();
  const rows: Row[] = [];
  for (const count of [1, 10, 100]) {
    const release = releaseOf(count);
    const desk = openDesk(release, schema, 10_000);
    const micros = time(
      {
        ambit: ambit(release, count, undefined),
        "ambit, with Cedar": ambit(release, count, openOverlay(release, `bench ${count}`)),
        "ambit, in the Ledger": (n: number) => desk(`pay_${n % count}`, args),
        ...(sdk === null ? {} : { [rivalName]: governanceSdk(sdk, count) }),
      },
      rounds,
    );
    const what = `one decision, ${count} tool contract${count === 1 ? "" : "s"}`;
    for (const [by, samples] of Object.entries(micros)) rows.push(row(what, by, "µs", samples));
  }
  return { rows, rivals: [rival] };
}

await bench({
  name: "decide",
  question: "What does one decision cost?",
  sizes: { rounds: 20_000 },
  quick: { rounds: 2_000 },
  fixed: { callsOfTheDay: 10_000 },
  measure,
});
