// Runs a claim with its control switched off: in a copy of the tree with one mutation. The point is to catch a claim that
// shows nothing, so only one outcome counts as red: the program still works, and a test of the claim says that it fails.
// A syntax error, a crash before the first test, or a program that does nothing any more proves nothing and is `broken`.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runTests, type TestResults } from "../src/cli/test-results.ts";
import type { Mutation } from "./mutations.ts";

/** A claim file must have a test whose name begins so: the same walk with nothing forbidden in it. */
export const worksAtAll = "works at all: ";

export interface OffRun {
  readonly mutation: Mutation;
  /** `red` is what a claim must be without its control. */
  readonly state: "red" | "green" | "broken";
  /** Which test failed, or what is wrong. */
  readonly reason: string;
  readonly ms: number;
}

/** Most one test of a claim may take without its control, and the whole file, ms. */
const limits = { test: 45_000, file: 75_000 };
/** Failures that a test itself reported. */
const reported = new Set(["testCodeFailure", "testTimeoutFailure", "uncaughtException", "unhandledRejection"]);

/** Runs the claim of a mutation in a copy of the tree at `root` with the mutation applied. */
export async function runOff(root: string, mutation: Mutation): Promise<OffRun> {
  const started = performance.now();
  const said = (state: OffRun["state"], reason: string): OffRun => {
    return { mutation, state, reason, ms: performance.now() - started };
  };
  const copy = mkdtempSync(join(tmpdir(), "ambit-off-"));
  try {
    copyTree(root, copy);
    const problem = applyMutation(copy, mutation);
    if (problem !== null) return said("broken", problem);
    const { test, file } = limits;
    const only = [`^${worksAtAll}`, `^${RegExp.escape(mutation.red)}$`];
    const own = { files: [mutation.claim], timeout: test, fileLimit: file, forceExit: true, only };
    const { state, reason } = judgeOff(await runTests({ cwd: copy, concurrency: 1, ...own }, file + 5_000));
    return said(state, reason);
  } catch (thrown) {
    return said("broken", `the tree could not be copied: ${(thrown as Error).message.split("\n", 1)[0]}`);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What the results of an off-run show. */
export function judgeOff(results: TestResults): Pick<OffRun, "state" | "reason"> {
  const isWorks = ({ name }: { name: string }): boolean => name.startsWith(worksAtAll);
  const [outside = ""] = results.broken;
  if (!results.passed.some(isWorks)) {
    const why = results.failed.find(isWorks)?.message.split("\n", 1)[0] ?? outside;
    return { state: "broken", reason: `no test named "${worksAtAll}..." passed: the mutation breaks more. ${why}` };
  }
  const red = results.failed.find((test) => !isWorks(test) && reported.has(test.failure));
  if (red !== undefined) return { state: "red", reason: red.name };
  const [other] = results.failed;
  if (other !== undefined) return { state: "broken", reason: `${other.name}: ${other.failure}, reported by no test` };
  if (outside !== "") return { state: "broken", reason: outside };
  return { state: "green", reason: "every test of the claim passed although the control is off" };
}

/** Applies a mutation to a tree, or says why it does not apply. */
export function applyMutation(root: string, { file, find, replace, name }: Mutation): string | null {
  const path = join(root, file);
  const text = lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path, "utf8") : null;
  const problem = mutationProblem(text, find, replace);
  if (problem !== null || text === null) return `mutation "${name}" does not apply: ${file} ${problem}`;
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  return null;
}

/** Why a text cannot be mutated so, or null. `text` is null when there is no such file. */
export function mutationProblem(text: string | null, find: string, replace: string): string | null {
  if (text === null) return "is not there";
  if (find === "" || find === replace) return "would not be changed";
  const count = text.split(find).length - 1;
  return count === 1 ? null : `has the text ${count} times, it must be there exactly once: ${JSON.stringify(find)}`;
}

/**
 * Copies what git tracks or would track: a claim must hold for what is delivered, not for what lies about. Other users can
 * read the copy, because parts of Ambit give up their own.
 */
export function copyTree(root: string, to: string): void {
  const list = [
    "-c",
    `safe.directory=${root.replace(/\/$/, "")}`,
    "ls-files",
    "-z",
    "--cached",
    "--others",
    "--exclude-standard",
  ];
  const files = execFileSync("git", list, { cwd: root, encoding: "utf8", maxBuffer: 64_000_000, stdio: "pipe" }).split(
    "\0",
  );
  chmodSync(to, 0o755);
  for (const file of new Set(files)) {
    const from = lstatSync(join(root, file), { throwIfNoEntry: false });
    if (file === "" || from === undefined) continue;
    mkdirSync(dirname(join(to, file)), { recursive: true, mode: 0o755 });
    if (from.isSymbolicLink()) symlinkSync(readlinkSync(join(root, file)), join(to, file));
    else if (from.isFile()) copyFileSync(join(root, file), join(to, file));
  }
  symlinkSync(join(root, "node_modules"), join(to, "node_modules"));
}
