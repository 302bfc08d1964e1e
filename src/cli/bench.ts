// `./ambit bench [NAME ...]`: runs the measurements one after the other, never two at once; each prints its table and keeps
// its result, under `bench/results/` or, of a short run, under `.cache/bench/`. One that fails is named at the end, and the
// others still run. With `--json` stdout has one line for each: the result, or that it failed.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readLine, UsageError } from "./arguments.ts";
import { node, root } from "./child.ts";

export const benches: readonly string[] = ["turn", "deployments", "decide", "fairness", "gateway"];

export async function runBench(args: string[]): Promise<number> {
  const line = readLine(args, `bench [${benches.join("] [")}] [--quick] [--json]`, { quick: "switch" }, [0, 99]);
  const unknown = line.words.find((word) => !benches.includes(word));
  if (unknown !== undefined)
    throw new UsageError(`there is no measurement "${unknown}"; there are: ${benches.join(", ")}`);
  const chosen = line.words.length > 0 ? [...new Set(line.words)] : benches;
  const failed: string[] = [];
  for (const name of chosen) {
    const file = `${root}${line.has("quick") ? ".cache/bench" : "bench/results"}/${name}.json`;
    const isDone = (await run(name, line.has("quick"), line.has("json"))) === 0;
    if (!isDone) failed.push(name);
    if (line.has("json")) console.log(isDone ? compact(file) : JSON.stringify({ name, failed: true }));
    else console.log("");
  }
  if (!line.has("json")) console.log(closing(chosen.length, failed, line.has("quick")));
  return failed.length === 0 ? 0 : 1;
}

/** The closing line of a run. */
function closing(all: number, failed: readonly string[], isQuick: boolean): string {
  const kept = isQuick ? ".cache/bench (a short run: nothing to publish)" : "bench/results";
  const ended = `${all - failed.length} of ${all} measured, kept under ${kept}`;
  return failed.length === 0 ? ended : `${ended}; failed: ${failed.join(", ")}`;
}

function compact(file: string): string {
  return JSON.stringify(JSON.parse(readFileSync(file, "utf8")));
}

/** Runs one; what it prints goes to stdout, or with `isJson` nowhere. */
function run(name: string, isQuick: boolean, isJson: boolean): Promise<number> {
  return new Promise((resolve) => {
    const argv = ["--pdeathsig", "KILL", "--", node, `${root}bench/${name}.ts`, ...(isQuick ? ["--quick"] : [])];
    const stdio = ["ignore", isJson ? "ignore" : "inherit", "inherit"] as const;
    const child = spawn("setpriv", argv, { cwd: root, stdio: [...stdio] });
    child.once("exit", (code) => resolve(code ?? 1));
    child.once("error", () => resolve(1));
  });
}
