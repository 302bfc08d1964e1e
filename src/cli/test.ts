// `./ambit test`: everything that must be true of this tree, in one command, with a count as its last line. A reader
// believes that line, so whatever could make it look better than it is counts against it: a step that cannot start, a
// pattern that finds no file, a run that hangs, a claim that stays green with its control off.
import { globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { readLine } from "./arguments.ts";
import { startGroup } from "./test-group.ts";
import { runTests, type TestResults } from "./test-results.ts";

/** What one step came to. `details` are lines for whoever has to mend it, and the reasons of skipped tests. */
interface StepResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly details: readonly string[];
}
interface Step {
  readonly name: string;
  readonly run: () => Promise<StepResult>;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Claims are not unit tests: they start whole hosts. */
const patterns = [
  ...["src/**/*.test.ts", "examples/**/*.test.ts", "docs/**/*.test.ts", "bench/*.test.ts"],
  "claims/**/!(*.claim).test.ts",
];
/** Where hosts of the tests find bundles that were made once for all of them; see claims/fresh-state.ts. */
const bundlesVariable = "AMBIT_TEST_BUNDLES";
/** Tests of the processes of a host wait for clocks; they begin first, so that a run does not end with waiting. */
const first = "src/host/";
/** Decisions are pure, so their tests share a process: a start of one takes longer than most of these files. */
const pure = "src/controls/";
const minute = 60_000;

/** Runs all tests and the table of claims, or with `--controls-off` that table alone. Returns the exit code. */
export async function runTest(args: string[]): Promise<number> {
  const line = readLine(args, "test [--controls-off] [--json]", { "controls-off": "switch" }, [0, 0]);
  const isJson = line.has("json");
  // Some hundred processes load the same sources: what Node made of them is kept between them.
  process.env["NODE_COMPILE_CACHE"] ??= join(root, ".cache", "compiled");
  // esbuild is over before it would have to collect garbage.
  process.env["GOGC"] ??= "off";
  // No test meets anybody whose certificate the machine's own list would vouch for; every process would parse that list.
  delete process.env["NODE_EXTRA_CA_CERTS"];
  const bundles = mkdtempSync(join(tmpdir(), "ambit-bundles-"));
  process.once("exit", () => rmSync(bundles, { recursive: true, force: true }));
  process.env[bundlesVariable] = bundles;
  const bundling = { name: "bundles", run: () => runPrograms([[join("claims", "make-bundles.ts"), bundles]]) };
  const claims = { name: "claims", run: () => runClaims(line.has("controls-off"), isJson) };
  const steps = line.has("controls-off") ? [bundling, claims] : [...ownSteps, bundling, unitTests, claims];
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const step of steps) {
    const started = performance.now();
    const result = await step.run();
    report(step.name, result, performance.now() - started, isJson);
    total.passed += result.passed;
    total.failed += result.failed;
    total.skipped += result.skipped;
  }
  console.log(isJson ? JSON.stringify({ event: "counts", ...total }) : countsLine(total));
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** The closing line: `N passed, N failed`, and `, N skipped` when there are any. */
export function countsLine({ passed, failed, skipped }: { passed: number; failed: number; skipped: number }): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** Reads a closing line, as text or JSON; null when it is none. */
export function readCounts(line: string): { passed: number; failed: number; skipped: number } | null {
  const [, passed, failed, skipped = "0"] =
    /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/.exec(line) ??
    /^\{"event":"counts","passed":(\d+),"failed":(\d+),"skipped":(\d+)\}$/.exec(line) ??
    [];
  if (passed === undefined || failed === undefined) return null;
  return { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) };
}

const ownSteps: readonly Step[] = [
  {
    name: "types",
    run: () =>
      runTools([
        ["tsc", "--noEmit"],
        ["tsc", "--noEmit", "-p", "tsconfig.gate.json"],
      ]),
  },
  { name: "lint", run: () => runTools([["oxlint", "--deny-warnings"]]) },
  { name: "format", run: () => runTools([["oxfmt", "--check"]]) },
];
const unitTests: Step = { name: "unit tests", run: runUnitTests };

/** Tools of node_modules, one after the other; they count as one. Fails when any does. */
function runTools(commands: readonly (readonly string[])[]): Promise<StepResult> {
  return runPrograms(commands.map(([tool = "", ...args]) => [join("node_modules", ".bin", tool), ...args]));
}

/** Programs of this tree, one after the other; they count as one. Fails when any does. */
async function runPrograms(commands: readonly (readonly string[])[]): Promise<StepResult> {
  const details: string[] = [];
  for (const command of commands) {
    const options = { cwd: root, limitMs: 2 * minute, signal: "SIGKILL", stderr: "merge" } as const;
    const group = startGroup(command, options);
    let output = "";
    for await (const chunk of group.output.setEncoding("utf8")) output += chunk;
    const { code, isTooLate } = await group.ended;
    if (code === 0 && !isTooLate) continue;
    const why = isTooLate ? "took more than 2 minutes" : `exit code ${code}`;
    details.push(`${command.join(" ")}: ${why}`, ...output.trimEnd().split("\n"));
  }
  return { passed: details.length === 0 ? 1 : 0, failed: details.length === 0 ? 0 : 1, skipped: 0, details };
}

async function runUnitTests(): Promise<StepResult> {
  const found = patterns.map((pattern) => ({ pattern, files: globSync(pattern, { cwd: root }).toSorted() }));
  const empty = found.filter(({ files }) => files.length === 0).map(({ pattern }) => `no test file matches ${pattern}`);
  const all = found.flatMap((one) => one.files);
  const own = all.filter((file) => !file.startsWith(pure));
  const files = [true, false].flatMap((isFirst) => own.filter((file) => file.startsWith(first) === isFirst));
  const request = { cwd: root, files, concurrency: 6, timeout: minute, fileLimit: 1.5 * minute, forceExit: false };
  const decisions = { ...request, files: all.filter((file) => file.startsWith(pure)), together: true };
  const results = await Promise.all([runTests(request, 8 * minute), runTests(decisions, 2 * minute)]);
  return summarize(joinResults(results), empty);
}

function joinResults(all: readonly TestResults[]): TestResults {
  return {
    passed: all.flatMap(({ passed }) => passed),
    failed: all.flatMap(({ failed }) => failed),
    skipped: all.flatMap(({ skipped }) => skipped),
    broken: all.flatMap(({ broken }) => broken),
  };
}

/** Counts of a test run, with a line or more for each failure and each skip. `also`: further failures. */
export function summarize(results: TestResults, also: readonly string[] = []): StepResult {
  const where = ({ file, line }: { file: string; line: number }): string => `${file.replace(root, "")}:${line}`;
  const failures = results.failed.map((test) => `failed: ${test.name} (${where(test)})\n${test.message}`);
  const skips = results.skipped.map((test) => `skipped: ${test.name} (${where(test)}): ${test.reason}`);
  const outside = [...also, ...results.broken];
  return {
    passed: results.passed.length,
    failed: results.failed.length + outside.length,
    skipped: results.skipped.length,
    details: [...failures, ...outside.map((text) => `failed: ${text}`), ...skips],
  };
}

/** The claims and the table of controls are a program of their own, `claims/run.ts`; its lines are passed on as they come. */
async function runClaims(isTableOnly: boolean, isJson: boolean): Promise<StepResult> {
  const flags = [...(isTableOnly ? ["--controls-off"] : []), ...(isJson ? ["--json"] : [])];
  const options = { cwd: root, limitMs: 15 * minute, signal: "SIGTERM", stderr: "inherit" } as const;
  const group = startGroup([join("claims", "run.ts"), ...flags], options);
  let last = "";
  for await (const line of createInterface({ input: group.output })) {
    if (last !== "") console.log(last);
    last = line;
  }
  const { code, isTooLate } = await group.ended;
  const counts = readCounts(last);
  if (counts === null && last !== "") console.log(last);
  const isHonest = counts !== null && !isTooLate && (code === 0) === (counts.failed === 0);
  if (isHonest) return { ...counts, details: [] };
  const why = isTooLate ? "took more than 15 minutes" : `ended with exit code ${code} and the last line "${last}"`;
  const { passed = 0, failed = 0, skipped = 0 } = counts ?? {};
  return { passed, failed: failed + 1, skipped, details: [`failed: claims/run.ts ${why}`] };
}

function report(step: string, result: StepResult, ms: number, isJson: boolean): void {
  const { passed, failed, skipped, details } = result;
  if (isJson) {
    console.log(
      JSON.stringify({ event: "step", step, ok: failed === 0, ms: Math.round(ms), passed, failed, skipped, details }),
    );
    return;
  }
  const seconds = `${(ms / 1000).toFixed(1)} s`;
  const isOne = passed + failed + skipped === 1;
  const came = isOne ? (failed === 0 ? "ok" : "FAILED") : countsLine(result);
  console.log(`${step}: ${came} (${seconds})`);
  for (const detail of details) console.log(detail.replaceAll(/^/gm, "  "));
}
