// The table of controls switched on and off: for each control with a claim, the claim is green with the control and red
// without it. A row that is anything else is a failure, because the claim then shows nothing, or the control is not there.
import type { Control } from "../src/controls.ts";
import type { TestResults } from "../src/cli/test-results.ts";
import type { OffRun } from "./off-run.ts";

export interface Row {
  readonly control: string;
  readonly mutation: string;
  readonly on: "green" | "red" | "skipped";
  readonly off: OffRun["state"] | "not run";
  readonly verdict: "passed" | "failed" | "skipped";
  /** Test that went red without the control, or what is wrong. */
  readonly reason: string;
}

/** One row per mutation; a control with a claim and no mutation is a row that failed. */
export function buildRows(
  register: readonly Control[],
  on: ReadonlyMap<string, TestResults>,
  off: readonly OffRun[],
): Row[] {
  return register.flatMap(({ id, claimTest }) => {
    if (claimTest === null) return [];
    const own = off.filter(({ mutation }) => mutation.control === id && mutation.claim === claimTest);
    const state = stateOf(on.get(claimTest));
    if (own.length > 0) return own.map((run) => buildRow(id, state, run));
    const reason = `no mutation in claims/mutations shows that ${claimTest} can fail`;
    return [{ control: id, mutation: "(none)", on: state, off: "not run", verdict: "failed", reason }];
  });
}

function buildRow(control: string, on: Row["on"], { mutation, state, reason }: OffRun): Row {
  const row = { control, mutation: mutation.name, on, off: state };
  if (on === "skipped") return { ...row, verdict: "skipped", reason: "the claim was skipped, see its reason above" };
  if (on === "red") return { ...row, verdict: "failed", reason: "the claim fails with its control on, see above" };
  return { ...row, verdict: state === "red" ? "passed" : "failed", reason };
}

function stateOf(results: TestResults | undefined): Row["on"] {
  if (results === undefined || results.failed.length > 0 || results.broken.length > 0) return "red";
  if (results.passed.length > 0) return "green";
  return results.skipped.length > 0 ? "skipped" : "red";
}

/** The rows as lines of text. */
export function renderRows(rows: readonly Row[]): string[] {
  const cells = rows.map(({ control, mutation, on, off, verdict, reason }) => [
    control,
    mutation,
    on,
    off,
    verdict,
    reason,
  ]);
  const table = [["control", "switched off", "on", "off", "", "red test, or what is wrong"], ...cells];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
