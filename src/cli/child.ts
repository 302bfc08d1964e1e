// Starting processes from the command line: each is tied to this one (PR_SET_PDEATHSIG), so that even SIGKILL here leaves
// nothing behind, and each that announces itself is waited for with a limit.
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { CommandError } from "./arguments.ts";

/** The Node this command line runs on: the pinned one. */
export const node = process.execPath;

/** Repository root, where `src` and `examples` are. */
export const root = new URL("../..", import.meta.url).pathname;

/** Starts a Node program of this repository that dies with this process. `file` is relative to the root. */
export function spawnTied(
  file: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  stderr: "inherit" | "pipe",
): ChildProcess {
  const argv = ["--pdeathsig", "KILL", "--", node, `${root}${file}`, ...args];
  return spawn("setpriv", argv, { env, stdio: ["ignore", "pipe", stderr], cwd: root });
}

/** Waits for the first line of JSON with `ready: true`; afterwards the output is drained. */
export async function waitReady(child: ChildProcess, what: string, limitMs: number): Promise<{ url: string }> {
  if (!child.stdout) throw new Error("the child has no stdout");
  const lines = createInterface({ input: child.stdout });
  const gone = new Promise<never>((_, reject) => {
    child.once("exit", (code) => reject(new CommandError(`${what} ended with code ${code} before it was ready`)));
    child.once("error", (error) => reject(new CommandError(`${what} could not be started: ${error.message}`)));
    setTimeout(() => reject(new CommandError(`${what} was not ready within ${limitMs / 1000} s`)), limitMs).unref();
  });
  const ready = new Promise<{ url: string }>((resolve) => {
    lines.on("line", (line) => {
      const said = parseLine(line);
      if (said?.["ready"] === true && typeof said["url"] === "string") resolve({ url: said["url"] });
    });
  });
  return Promise.race([ready, gone]);
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** Ends a child: SIGTERM, and SIGKILL when it has not gone after `graceMs`. */
export async function endChild(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await gone;
  clearTimeout(timer);
}
