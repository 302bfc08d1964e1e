// Starting what a test run needs so that all of it ends when the run does: each program leads a process group of its own,
// and the whole group is ended when it takes too long, when it is done, and when somebody stops this command.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";

export interface GroupOptions {
  readonly cwd: string;
  /** Most it may take; then it is ended. */
  readonly limitMs: number;
  /** How the group is ended: SIGTERM where the program ends groups of its own. */
  readonly signal: "SIGKILL" | "SIGTERM";
  /** Where its stderr goes: beside ours, or into its output. */
  readonly stderr: "inherit" | "merge";
}

export interface Group {
  readonly output: Readable;
  /** Resolves when the output has ended and the group is gone. */
  readonly ended: Promise<{ code: number; isTooLate: boolean }>;
}

/** Starts a Node program with its arguments, on the Node that runs this one. */
export function startGroup(args: readonly string[], options: GroupOptions): Group {
  // A program that is told it runs inside a test would report to that test instead of to us.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const shell = ["-c", 'exec "$@" 2>&1', "sh", process.execPath, ...args];
  const [command, argv] = options.stderr === "merge" ? ["/bin/sh", shell] : [process.execPath, args];
  const child = spawn(command, argv, { cwd: options.cwd, env, stdio: ["ignore", "pipe", "inherit"], detached: true });
  return { output: child.stdout, ended: watch(child, options) };
}

async function watch(
  child: ChildProcessByStdio<null, Readable, null>,
  { limitMs, signal }: GroupOptions,
): Promise<{ code: number; isTooLate: boolean }> {
  let isTooLate = false;
  const end = (): void => endGroup(child.pid, signal);
  const stopped = (): never => {
    end();
    process.exit(130);
  };
  const timer = setTimeout(() => {
    isTooLate = true;
    end();
  }, limitMs);
  process.once("exit", end).once("SIGINT", stopped).once("SIGTERM", stopped);
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? 1)));
  clearTimeout(timer);
  process.removeListener("exit", end).removeListener("SIGINT", stopped).removeListener("SIGTERM", stopped);
  endGroup(child.pid, "SIGKILL");
  return { code, isTooLate };
}

function endGroup(pid: number | undefined, signal: "SIGKILL" | "SIGTERM"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // It is gone already.
  }
}
