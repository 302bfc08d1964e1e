// Control `runtime`: whether what runs is what was pinned: the installed packages beside the lock file, the engine, and the
// programs that were brought to the state folder beside the hashes that are their names.
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { projectRoot } from "../bundle.ts";
import { fail, look, ok, weak, type Finding, type Patient } from "./finding.ts";

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string().optional(), integrity: z.string().optional(), optional: z.boolean().optional() }),
  ),
});
const versionSchema = z.object({ version: z.string() });
const install = "start it with ./ambit, or run npm ci --ignore-scripts --include=dev --include=optional";

export function lookAtPrograms({ places }: Patient): Finding[] {
  return [
    ...look("dependencies", "what is installed cannot be compared", install, () => lookAtPackages(projectRoot)),
    ...look("workerd", "no gate can run", install, lookAtEngine),
    ...look("programs", "they cannot be looked at", "run this as the user who runs Ambit", () =>
      lookAtBundles(places.programs),
    ),
  ];
}

/** Every package of the lock that is there has its version, and only one that is for another machine is missing. */
export function lookAtPackages(root: string): Finding {
  const { packages } = lockSchema.parse(readJson(join(root, "package-lock.json")));
  const rows = Object.entries(packages).filter(([path]) => path !== "");
  const wrong = rows.filter(([path, { version, optional }]) => {
    const file = join(root, path, "package.json");
    return existsSync(file) ? versionSchema.parse(readJson(file)).version !== version : optional !== true;
  });
  if (wrong.length === 0)
    return ok("dependencies", `the ${rows.length} packages of package-lock.json, as far as they are for this machine`);
  const names = wrong.slice(0, 3).map(([path]) => path.replace(/^.*node_modules\//, ""));
  return fail(
    "dependencies",
    `${wrong.length} packages are not those of package-lock.json: ${names.join(", ")}`,
    "other code than the pinned runs beside the boundary",
    install,
  );
}

function lookAtEngine(): Finding {
  const name = `@cloudflare/workerd-linux-${process.arch === "x64" ? "64" : process.arch}`;
  const path = join(projectRoot, "node_modules", name, "bin/workerd");
  const { status, stdout, error } = spawnSync(path, ["--version"], { env: {}, encoding: "utf8", timeout: 10_000 });
  if (status === 0) return ok("workerd", stdout.trim());
  return fail("workerd", `${path} does not run (${error?.message ?? `status ${status}`})`, "no gate can run", install);
}

/** A bundle stands in a folder named after its SHA-256. */
export function lookAtBundles(programs: string): Finding {
  if (!existsSync(programs)) return ok("programs", "not brought yet: the first start does it");
  const bundles = readdirSync(programs).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const changed = bundles.filter((name) =>
    readdirSync(join(programs, name)).some((file) => !hashOf(join(programs, name, file)).startsWith(name)),
  );
  const open = [programs, ...bundles.map((name) => join(programs, name))].find(
    (path) => (statSync(path).mode & 0o022) !== 0,
  );
  if (changed.length > 0)
    return fail(
      "programs",
      `${changed.join(", ")} in ${programs} is not what its name says`,
      "a part may run what nobody bundled",
      "stop Ambit, find out who wrote there, and start it again: it makes them anew",
    );
  if (open !== undefined)
    return weak(
      "programs",
      `${open} can be written by others`,
      "they could put another program there",
      `chmod go-w ${open}`,
    );
  return ok("programs", `${bundles.length} bundles, each of the hash that is its name`);
}

function hashOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
