// From a deployment file on disk to a release: everything the file names is read here, once, and hashed. Nothing that
// runs later reads these files again, except the databases behind record views.
import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { lintManifest, type Finding } from "../controls/manifest/lint.ts";
import { hashRelease } from "../controls/manifest/hash.ts";
import { applyOverlays, type Narrowing, type OverlayFile } from "../controls/manifest/overlay.ts";
import { describeProblem, parseManifest, type FileProblem } from "../controls/manifest/parse.ts";
import { maxOverlayBytes, type Release } from "../controls/manifest/release.ts";
import { maxManifestBytes, type Manifest } from "../controls/manifest/schema.ts";
import { CommandError } from "./arguments.ts";

const maxInstructionBytes = 100_000;
const maxPolicyBytes = 262_144;

export interface LoadedRelease {
  readonly release: Release;
  readonly warnings: Finding[];
  /** What each overlay took away. */
  readonly narrowed: readonly Narrowing[];
}

/** Loads a deployment file with everything it names; throws CommandError with one line per problem. */
export function loadRelease(file: string): LoadedRelease {
  const folder = dirname(resolve(file));
  const { manifest, narrowed, ...more } = loadManifest(file, folder);
  const warnings = lint(manifest.overlays === undefined ? file : `${file} with its overlays`, manifest);
  const where = resolve(folder, manifest.agent.instructions);
  const instructions = readText(where, maxInstructionBytes, "agent.instructions");
  const policy =
    manifest.policy === undefined ? null : readText(resolve(folder, manifest.policy), maxPolicyBytes, "policy");
  const recordFiles: Record<string, string> = {};
  for (const [view, record] of Object.entries(manifest.records)) {
    recordFiles[view] = realFile(resolve(folder, record.file), `records.${view}.file`);
  }
  const parts = { v: 1 as const, manifest, instructions, policy, recordFiles, ...more };
  return { release: { ...parts, release: hashRelease(parts) }, warnings, narrowed };
}

interface LoadedManifest {
  readonly manifest: Manifest;
  readonly overlaid?: NonNullable<Release["overlaid"]>;
  readonly narrowed: readonly Narrowing[];
}

function loadManifest(file: string, folder: string): LoadedManifest {
  const parsed = parseManifest(readText(file, maxManifestBytes, "the deployment file"));
  if ("problems" in parsed) throw refuse(file, parsed.problems);
  const base = parsed.manifest;
  if (base.overlays === undefined) return { manifest: base, narrowed: [] };
  const files = readOverlays(base.overlays, folder);
  const made = applyOverlays(base, files);
  if ("problems" in made) throw refuse(join(dirname(file), made.file), made.problems);
  return { manifest: made.manifest, overlaid: { base, files }, narrowed: made.narrowed };
}

/** A link must neither lead out of the folder nor to the same file twice. */
function readOverlays(overlays: readonly string[], folder: string): OverlayFile[] {
  const seen = new Set<string>();
  return overlays.map((file, at) => {
    const field = `overlays.${at}`;
    const real = realFile(resolve(folder, file), field);
    if (!real.startsWith(join(realpathSync(folder), "/")))
      throw new CommandError(`${field}: ${file} leads out of the folder of the deployment file: put it there`);
    if (seen.has(real)) throw new CommandError(`${field}: ${file} is an overlay that stands here twice: remove one`);
    seen.add(real);
    return { file, text: readText(real, maxOverlayBytes, field) };
  });
}

function refuse(file: string, problems: readonly FileProblem[]): CommandError {
  return new CommandError(problems.map((problem) => describeProblem(file, problem)).join("\n"));
}

function lint(file: string, manifest: Manifest): Finding[] {
  const findings = lintManifest(manifest);
  const errors = findings.filter((finding) => finding.level === "error");
  if (errors.length > 0)
    throw new CommandError(errors.map(({ field, message }) => `${file}: ${field}: ${message}`).join("\n"));
  return findings;
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
