// Runs the claims, then each claim again with its control switched off, and prints the table of both. The last line is
// the count. `--controls-off` runs only claims that stand in the register and prints only the table.
// usage: node claims/run.ts [--controls-off] [--json]
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { countsLine, summarize } from "../src/cli/test.ts";
import { runTests, type TestResults } from "../src/cli/test-results.ts";
import { controls } from "../src/controls.ts";
import { mutations } from "./mutations.ts";
import { Copies, type OffRun } from "./off-run.ts";
import { buildRows, renderRows } from "./table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** Most one test of a claim may take, and a whole claim file, ms. */
const limits = { test: 90_000, file: 150_000 };
const { "controls-off": isTableOnly, json: isJson } = readFlags();
const total = { passed: 0, failed: 0, skipped: 0 };

const copies = new Copies(root);
const on = new Map<string, TestResults>();
const off: OffRun[] = [];
await inLanes(6, [
  ...claimFiles().map((claim) => async () => void on.set(claim, await runOn(claim))),
  ...mutations.map((mutation, at) => async () => void (off[at] = await runOffAloud(mutation))),
]);
copies.remove();
const rows = buildRows(controls, on, off);
for (const { verdict } of rows) total[verdict]++;
if (isJson) for (const row of rows) say({ event: "control", ...row }, "");
else for (const line of renderRows(rows)) say({}, line);
say({ event: "counts", ...total }, countsLine(total));
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

/** All claims, or those of the register; a claim of the register that is not there fails when it is run. */
function claimFiles(): string[] {
  const registered = controls.flatMap(({ claimTest }) => claimTest ?? []);
  const found = isTableOnly ? [] : globSync("claims/*.claim.test.ts", { cwd: root });
  return [...new Set([...registered, ...found])].toSorted();
}

async function runOn(claim: string): Promise<TestResults> {
  const started = performance.now();
  const { test, file } = limits;
  const request = { cwd: root, files: [claim], concurrency: 1, timeout: test, fileLimit: file, forceExit: false };
  const results = await runTests(request, file + 5_000);
  const { passed, failed, skipped, details } = summarize(results);
  if (!isTableOnly)
    for (const key of ["passed", "failed", "skipped"] as const) total[key] += { passed, failed, skipped }[key];
  const ms = performance.now() - started;
  say(
    { event: "claim", claim, passed, failed, skipped, ms: Math.round(ms), details },
    [`${claim}: ${countsLine({ passed, failed, skipped })} (${seconds(ms)})`, ...details.map(indent)].join("\n"),
  );
  return results;
}

async function runOffAloud(mutation: (typeof mutations)[number]): Promise<OffRun> {
  const run = await copies.run(mutation);
  const { state, reason, ms } = run;
  const { control, name } = mutation;
  say(
    { event: "off", control, mutation: name, state, reason, ms: Math.round(ms) },
    `${control} without ${name}: ${state} (${seconds(ms)})${state === "red" ? "" : `\n${indent(reason)}`}`,
  );
  return run;
}

/** Several at a time: a claim mostly waits, for a start, a clock or a kill. */
async function inLanes(lanes: number, jobs: readonly (() => Promise<void>)[]): Promise<void> {
  const queue = jobs.values();
  const work = async (): Promise<void> => {
    for (const job of queue) await job();
  };
  await Promise.all(Array.from({ length: lanes }, work));
}

function say(record: object, line: string): void {
  process.stdout.write(`${isJson ? JSON.stringify(record) : line}\n`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

function readFlags(): { "controls-off": boolean; json: boolean } {
  const options = {
    "controls-off": { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  } as const;
  return parseArgs({ options, strict: true, allowPositionals: false }).values;
}
