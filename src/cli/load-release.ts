// From a deployment file on disk to a release: everything the file names is read here, once, and hashed. Nothing that
// runs later reads these files again, except the databases behind record views.
import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { lintManifest, type Finding } from "../controls/manifest/lint.ts";
import { hashRelease } from "../controls/manifest/hash.ts";
import { parseManifest } from "../controls/manifest/parse.ts";
import type { Release } from "../controls/manifest/release.ts";
import { maxManifestBytes, type Manifest } from "../controls/manifest/schema.ts";
import { CommandError } from "./arguments.ts";

const maxInstructionBytes = 100_000;
const maxPolicyBytes = 262_144;

/** Parses and checks a deployment file; throws CommandError with one line per problem. */
export function loadManifest(file: string): { manifest: Manifest; warnings: Finding[] } {
  const parsed = parseManifest(readText(file, maxManifestBytes, "the deployment file"));
  if ("problems" in parsed) {
    const lines = parsed.problems.map(({ line, column, field, message }) =>
      [`${file}:${line}:${column}`, field, message].filter((part) => part !== "").join(": "),
    );
    throw new CommandError(lines.join("\n"));
  }
  const findings = lintManifest(parsed.manifest);
  const errors = findings.filter((finding) => finding.level === "error");
  if (errors.length > 0)
    throw new CommandError(errors.map(({ field, message }) => `${file}: ${field}: ${message}`).join("\n"));
  return { manifest: parsed.manifest, warnings: findings };
}

/** Loads a deployment file with everything it names. */
export function loadRelease(file: string): { release: Release; warnings: Finding[] } {
  const { manifest, warnings } = loadManifest(file);
  const folder = dirname(resolve(file));
  const where = resolve(folder, manifest.agent.instructions);
  const instructions = readText(where, maxInstructionBytes, "agent.instructions");
  const policy =
    manifest.policy === undefined ? null : readText(resolve(folder, manifest.policy), maxPolicyBytes, "policy");
  const recordFiles: Record<string, string> = {};
  for (const [view, record] of Object.entries(manifest.records)) {
    recordFiles[view] = realFile(resolve(folder, record.file), `records.${view}.file`);
  }
  const parts = { v: 1 as const, manifest, instructions, policy, recordFiles };
  return { release: { ...parts, release: hashRelease(parts) }, warnings };
}

function realFile(path: string, field: string): string {
  try {
    const real = realpathSync(path);
    if (!statSync(real).isFile()) throw new CommandError(`${field}: ${path} is not a file`);
    return real;
  } catch (thrown) {
    if (thrown instanceof CommandError) throw thrown;
    throw new CommandError(`${field}: there is no file ${path}; paths are relative to the deployment file`);
  }
}

function readText(path: string, most: number, field: string): string {
  const real = realFile(path, field);
  const size = statSync(real).size;
  if (size > most) throw new CommandError(`${field}: ${path} has ${size} bytes; at most ${most} are read`);
  const bytes = readFileSync(real);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(`${field}: ${path} is not UTF-8 text`);
  }
}
