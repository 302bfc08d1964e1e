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
import type { Mutation } from "./mutations/mutation.ts";

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

/**
 * Copies of one tree, each for one mutation at a time: to copy and remove the tree for every mutation takes as long as some
 * of their claims.
 */
export class Copies {
  readonly #root: string;
  readonly #all: string[] = [];
  readonly #free: string[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  /** Runs the claim of a mutation in a copy with the mutation applied, and takes it out of the copy again. */
  async run(mutation: Mutation): Promise<OffRun> {
    const started = performance.now();
    const said = (state: OffRun["state"], reason: string): OffRun => {
      return { mutation, state, reason, ms: performance.now() - started };
    };
    try {
      const copy = this.#free.pop() ?? this.#make();
      const { problem, undo } = applyMutation(copy, mutation);
      const { state, reason } = problem === null ? await runClaim(copy, mutation) : brokenBy(problem);
      undo();
      this.#free.push(copy);
      return said(state, reason);
    } catch (thrown) {
      // This copy is not used again.
      return said("broken", `the tree could not be copied and changed: ${(thrown as Error).message.split("\n", 1)[0]}`);
    }
  }

  remove(): void {
    for (const copy of this.#all) rmSync(copy, { recursive: true, force: true });
  }

  #make(): string {
    const copy = mkdtempSync(join(tmpdir(), "ambit-off-"));
    this.#all.push(copy);
    copyTree(this.#root, copy);
    return copy;
  }
}

/** One mutation in a copy of its own. */
export async function runOff(root: string, mutation: Mutation): Promise<OffRun> {
  const copies = new Copies(root);
  return copies.run(mutation).finally(() => copies.remove());
}

function brokenBy(reason: string): Pick<OffRun, "state" | "reason"> {
  return { state: "broken", reason };
}

async function runClaim(copy: string, mutation: Mutation): Promise<Pick<OffRun, "state" | "reason">> {
  const { test, file } = limits;
  const works = mutation.works === undefined ? "" : `${RegExp.escape(mutation.works)}$`;
  const only = [`^${worksAtAll}${works}`, `^${RegExp.escape(mutation.red)}$`];
  const own = { files: [mutation.claim], timeout: test, fileLimit: file, forceExit: true, only };
  return judgeOff(await runTests({ cwd: copy, concurrency: 1, ...own }, file + 5_000));
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

/** Applies a mutation to a tree, or says why it does not apply. `undo` writes the file as it was. */
export function applyMutation(
  root: string,
  { file, find, replace, name }: Mutation,
): { problem: string | null; undo: () => void } {
  const path = join(root, file);
  const text = lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path, "utf8") : null;
  const problem = mutationProblem(text, find, replace);
  if (problem !== null || text === null) {
    return { problem: `mutation "${name}" does not apply: ${file} ${problem}`, undo: () => undefined };
  }
  writeFileSync(
    path,
    text.replace(find, () => replace),
  );
  return { problem: null, undo: () => writeFileSync(path, text) };
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
