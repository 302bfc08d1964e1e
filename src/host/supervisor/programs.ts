// Control `runtime`: brings what the parts run to one place that every user id can read and only root can write. A
// clone under a 0700 home is closed to a dropped user id, and a program that a part could rewrite would be no boundary.
// Folders are named after what is in them, so a half-written or older one is never taken for the right one.
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
} from "node:fs";
import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { bundle, endBundling, projectRoot, type Bundle, type BundleKind } from "./bundle.ts";
import { findOutput, hashText, indexFile, makeRow, readIndex, writeIndex, type BundleIndex } from "./bundle-index.ts";
import { StartRefused } from "./start-refused.ts";

export interface Programs {
  readonly node: string;
  readonly workerd: string;
  readonly gate: string;
  readonly broker: string;
  readonly front: string;
  readonly admin: string;
}

/** What the gate of a deployment with a policy file runs in place of `gate`. */
export interface CedarPrograms {
  readonly gate: string;
  /** WebAssembly of the Cedar package. */
  readonly wasm: string;
}

/** Entry points, relative to the root of the sources. */
export type Entries = Readonly<Record<"gate" | "broker" | "front" | "admin", string>>;

const entries: Entries = {
  gate: "src/gate/worker.ts",
  broker: "src/host/broker/main.ts",
  front: "src/host/front/main.ts",
  admin: "src/admin/main.ts",
};

const cedarEntry = "src/gate/worker-cedar.ts";

const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ version: z.string().optional(), integrity: z.string().optional() })),
});

/** Writes a folder under a temporary name and renames it. One that is there already but not `whole` is replaced. */
function place(folder: string, whole: () => boolean, fill: (temporary: string) => void): void {
  if (existsSync(folder) && whole()) return;
  rmSync(folder, { recursive: true, force: true });
  const temporary = `${folder}.tmp-${randomBytes(6).toString("hex")}`;
  mkdirSync(temporary, { mode: 0o755 });
  chmodSync(temporary, 0o755);
  fill(temporary);
  renameSync(temporary, folder);
}

function folderName(hash: string): string {
  return hash.slice(0, 16);
}

function pathOf(programs: string, file: string, hash: string): string {
  return join(programs, folderName(hash), file);
}

/** Puts one file under the hash of its text. Returns its path. */
export function placeText(programs: string, file: string, text: string): string {
  const hash = hashText(text);
  const path = pathOf(programs, file, hash);
  place(
    dirname(path),
    () => isWhole(path, hash),
    (temporary) => {
      writeFileSync(join(temporary, file), text);
      chmodSync(join(temporary, file), 0o644);
    },
  );
  return path;
}

/** True when the file is there with that SHA-256: a cut or changed one is not. */
function isWhole(path: string, hash: string): boolean {
  return existsSync(path) && hashText(readFileSync(path, "utf8")) === hash;
}

/** A hard link costs nothing, but shares owner and mode with its origin: only when those are right. */
function bringFile(from: string, to: string): void {
  const { uid, mode } = statSync(from);
  const linkable = uid === process.getuid?.() && (mode & 0o777) === 0o755;
  try {
    if (linkable) return linkSync(from, to);
  } catch {
    // Another file system, or links forbidden here: a copy does as well.
  }
  copyFileSync(from, to, constants.COPYFILE_FICLONE);
  chmodSync(to, 0o755);
}

/** Puts a package's binary under its version and lock hash. `spec` is the package, `file` the path inside it. */
export function placeBinary(programs: string, spec: string, file: string, root: string = projectRoot): string {
  const key = `node_modules/${spec}`;
  const from = join(root, key, file);
  const lock = lockSchema.parse(JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"))).packages[key];
  if (!existsSync(from) || lock?.version === undefined || lock.integrity === undefined) {
    throw new StartRefused(
      `${from} is missing: run npm ci --include=optional in ${root} (machine: linux ${process.arch})`,
    );
  }
  const hash = createHash("sha256").update(lock.integrity).digest("hex").slice(0, 16);
  const folder = join(programs, `${basename(file)}-${lock.version}-${hash}`);
  const path = join(folder, basename(file));
  const whole = (): boolean => existsSync(path) && statSync(path).size === statSync(from).size;
  place(folder, whole, (temporary) => bringFile(from, join(temporary, basename(file))));
  return path;
}

/** Removes what this start does not need: older versions and folders a kill left half-written. */
function removeOthers(programs: string, index: BundleIndex, keep: readonly string[]): void {
  const known = Object.values(index).map(({ output }) => folderName(output));
  const kept = new Set([indexFile, ...known, ...keep.map((path) => basename(dirname(path)))]);
  for (const name of readdirSync(programs)) {
    if (!kept.has(name)) rmSync(join(programs, name), { recursive: true, force: true });
  }
}

async function bundleOrRefuse(entry: string, kind: BundleKind): Promise<Bundle> {
  try {
    return await bundle(entry, kind);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StartRefused(`${entry} cannot be bundled: ${words}`);
  }
}

/** The program of one entry point: the one that is there when its sources are unchanged, else bundled now. */
async function bringText(
  programs: string,
  index: BundleIndex,
  entry: string,
  kind: BundleKind,
  file: string,
): Promise<string> {
  const key = `${kind} ${entry}`;
  const known = findOutput(index, key, projectRoot);
  if (known !== undefined && isWhole(pathOf(programs, file, known), known)) return pathOf(programs, file, known);
  const { text, inputs } = await bundleOrRefuse(entry, kind);
  index[key] = makeRow(projectRoot, inputs, text);
  return placeText(programs, file, text);
}

/** Brings all programs to `folder`. The first time may copy 280 MB; later it is hashing, and bundling what has changed. */
export async function bringPrograms(folder: string, from: Entries = entries): Promise<Programs> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  chmodSync(folder, 0o755);
  const index = readIndex(folder);
  const [gate, broker, front, admin] = await Promise.all([
    bringText(folder, index, from.gate, "worker", "gate.js"),
    bringText(folder, index, from.broker, "node", "broker.mjs"),
    bringText(folder, index, from.front, "node", "front.mjs"),
    bringText(folder, index, from.admin, "node", "admin.mjs"),
  ]).finally(endBundling);
  const { arch } = process;
  const node = placeBinary(folder, `node-linux-${arch}`, "bin/node");
  const workerd = placeBinary(folder, `@cloudflare/workerd-linux-${arch === "x64" ? "64" : arch}`, "bin/workerd");
  const programs = { node, workerd, gate, broker, front, admin };
  writeIndex(folder, index);
  removeOthers(folder, index, Object.values(programs));
  return programs;
}

/**
 * Brings the gate with Cedar in it, when the first deployment needs it: most hosts have none. It must be of the sources that
 * `running`, the gate without Cedar, was made of.
 */
export async function bringCedar(folder: string, running: string): Promise<CedarPrograms> {
  const index = readIndex(folder);
  const [plain, gate] = await Promise.all([
    bringText(folder, index, entries.gate, "worker", "gate.js"),
    bringText(folder, index, cedarEntry, "worker", "gate.js"),
  ]).finally(endBundling);
  if (plain !== running)
    throw new StartRefused("the sources of Ambit have changed since it was started: start it again");
  const wasm = placeBinary(folder, "@cedar-policy/cedar-wasm", "web/cedar_wasm_bg.wasm");
  writeIndex(folder, index);
  return { gate, wasm };
}
