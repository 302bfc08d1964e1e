// `./ambit bench [NAME ...]`: runs the measurements one after the other; each prints its table and keeps its result under
// `bench/results/`.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readLine, UsageError } from "./arguments.ts";
import { node, root } from "./child.ts";

export async function runBench(args: string[]): Promise<number> {
  const benches = readdirSync(`${root}bench`)
    .filter((file) => file.endsWith(".ts") && readFileSync(`${root}bench/${file}`, "utf8").includes("// Usage:"))
    .map((file) => file.slice(0, -".ts".length));
  const line = readLine(args, `bench [${benches.join("] [")}]`, {}, [0, benches.length]);
  const unknown = line.words.find((word) => !benches.includes(word));
  if (unknown !== undefined)
    throw new UsageError(`there is no measurement "${unknown}"; there are: ${benches.join(", ")}`);
  let failed = 0;
  for (const name of line.words.length > 0 ? line.words : benches) {
    console.log(`\n${name}`);
    if ((await run(`bench/${name}.ts`)) !== 0) failed++;
    else if (line.has("json")) process.stdout.write(readFileSync(`${root}bench/results/${name}.json`, "utf8"));
  }
  return failed === 0 ? 0 : 1;
}

function run(file: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", node, `${root}${file}`], {
      cwd: root,
      stdio: "inherit",
    });
    child.once("exit", (code) => resolve(code ?? 1));
    child.once("error", () => resolve(1));
  });
}
