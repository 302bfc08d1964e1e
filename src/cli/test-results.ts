// Running test files and counting what came of them. A suite that lies is worse than none: a file that holds no test, ends
// before its tests, or outlives its time counts as failed, and so does a test that is marked todo.
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startGroup } from "./test-group.ts";

export interface TestRequest {
  /** Folder in which the tests run. */
  readonly cwd: string;
  /** Paths relative to it. */
  readonly files: readonly string[];
  readonly concurrency: number;
  /** Most one test may take, ms. */
  readonly timeout: number;
  /** Most a whole file may take, ms. */
  readonly fileLimit: number;
  /** Ends each file when its tests have ended, whatever it left behind; without it, such a file runs into its limit. */
  readonly forceExit: boolean;
  /** All files in one process, one after the other, and `fileLimit` for all of them: for tests of pure functions. */
  readonly together?: boolean;
  /** Regular expressions: only tests whose name matches one of them run. Left out, all do. */
  readonly only?: readonly string[];
}

export interface TestPlace {
  readonly name: string;
  /** Absolute path. */
  readonly file: string;
  readonly line: number;
}
export interface TestFailure extends TestPlace {
  /** node:test's word for it, such as `testCodeFailure` and `testTimeoutFailure`. */
  readonly failure: string;
  readonly message: string;
}
export interface TestSkip extends TestPlace {
  readonly reason: string;
}
/** One line of `test-run.ts`. */
export type TestEvent =
  | ({ readonly kind: "pass" } & TestPlace)
  | ({ readonly kind: "fail" } & TestFailure)
  | ({ readonly kind: "skip" } & TestSkip)
  /** `file` as in the request. */
  | { readonly kind: "stderr"; readonly file: string; readonly text: string }
  | { readonly kind: "end" };

export interface TestResults {
  readonly passed: readonly TestPlace[];
  readonly failed: readonly TestFailure[];
  readonly skipped: readonly TestSkip[];
  /** What went wrong outside any test: a file that does not load, has no tests, dies, or hangs. */
  readonly broken: readonly string[];
}

const program = fileURLToPath(new URL("./test-run.ts", import.meta.url));

/** Runs the files and waits at most `limitMs`; then everything they started is killed. */
export async function runTests(request: TestRequest, limitMs: number): Promise<TestResults> {
  const options = { cwd: request.cwd, limitMs, signal: "SIGKILL", stderr: "inherit" } as const;
  const group = startGroup([program, JSON.stringify(request)], options);
  const events: TestEvent[] = [];
  for await (const line of createInterface({ input: group.output })) events.push(JSON.parse(line) as TestEvent);
  const { isTooLate } = await group.ended;
  const late = `the tests took more than ${limitMs / 1000} s and were stopped`;
  return sortEvents(request, events, isTooLate ? [late] : []);
}

/** Sorts events into results. `outside`: what is known to have gone wrong already. */
export function sortEvents(
  { cwd, files, fileLimit }: Pick<TestRequest, "cwd" | "files" | "fileLimit">,
  events: readonly TestEvent[],
  outside: readonly string[],
): TestResults {
  // node:test speaks of a file as of a test with the file's name, when it has nothing better to say of it.
  const isTest = ({ name, file }: TestPlace): boolean => resolve(cwd, name) !== file;
  const passed = events.filter((event) => event.kind === "pass").filter(isTest);
  const failed = events.filter((event) => event.kind === "fail").filter(isTest);
  const skipped = events.filter((event) => event.kind === "skip").filter(isTest);
  const tested = new Set([...passed, ...failed, ...skipped].map(({ file }) => file));
  const broken = [...outside];
  for (const path of files) {
    const file = resolve(cwd, path);
    const own = events.find((event) => event.kind === "fail" && event.file === file && !isTest(event));
    const isStopped = own?.kind === "fail" && own.failure === "testAborted";
    if (isStopped) broken.push(`${path} had not ended after ${fileLimit / 1000} s and was stopped`);
    else if (own !== undefined) broken.push(`${path} did not run to its end${whyOf(own, events, path)}`);
    else if (!tested.has(file) && outside.length === 0) broken.push(`${path} holds no test`);
  }
  if (events.at(-1)?.kind !== "end" && outside.length === 0) broken.push("the test run ended before its tests did");
  return { passed, failed, skipped, broken };
}

function whyOf(own: TestEvent, events: readonly TestEvent[], path: string): string {
  const said = events.map((event) => (event.kind === "stderr" && event.file === path ? event.text : "")).join("");
  // A file with a process of its own tells its reason there, one that shares a process in its event.
  const text = said === "" && own.kind === "fail" && own.failure === "unknown" ? own.message : said;
  return text === "" ? "" : `:\n${text.trim().split("\n").slice(0, 12).join("\n")}`;
}
