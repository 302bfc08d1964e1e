// Bringing what is measured beside Ambit and is no dependency of it: by npm, from a lock of its own (`bench/rivals`), with
// no install script, into `.cache/rivals`. Where it cannot be had (no network, no npm), that is said instead of a figure.
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../src/cli/child.ts";

const from = join(root, "bench/rivals");
const to = join(root, ".cache/rivals");
const limitMs = 300_000;

/** Folder of an installed rival, or why it is not there. */
export async function bringRival(name: string): Promise<{ folder: string } | { reason: string }> {
  const folder = join(to, "node_modules", name);
  if (!isBrought(folder)) {
    const failed = await install();
    if (failed !== null) return { reason: failed };
  }
  return existsSync(folder) ? { folder } : { reason: `bench/rivals/package-lock.json does not bring ${name}` };
}

function isBrought(folder: string): boolean {
  const lock = join(to, "package-lock.json");
  if (!existsSync(folder) || !existsSync(lock)) return false;
  return readFileSync(lock, "utf8") === readFileSync(join(from, "package-lock.json"), "utf8");
}

async function install(): Promise<string | null> {
  mkdirSync(to, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(from, file), join(to, file));
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=20000"];
  try {
    await promisify(execFile)("npm", ["ci", ...flags], { cwd: to, timeout: limitMs });
    return null;
  } catch (thrown) {
    // Half an installation is not taken for one the next time.
    rmSync(join(to, "package-lock.json"), { force: true });
    return reasonOf(thrown as Error & { code?: unknown; stderr?: string });
  }
}

function reasonOf({ code, stderr = "", message }: Error & { code?: unknown; stderr?: string }): string {
  if (code === "ENOENT") return "there is no npm on this machine to bring it";
  // The code alone: the words name addresses of whatever registry this machine uses.
  const said = /^npm error code (\w+)/m.exec(stderr)?.[1] ?? message.split("\n", 1)[0] ?? "";
  return `npm could not bring it: ${said}`.slice(0, 200);
}
