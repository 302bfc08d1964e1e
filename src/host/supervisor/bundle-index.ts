// Control `runtime`: remembers which sources a bundle was made of, so that a start whose sources are unchanged need not
// bundle again. Nothing is believed that was not hashed: every source, the lock file of the packages, the way of bundling,
// and the bundle itself. Whatever does not fit means: bundle.
import { createHash } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** File beside the programs' folders. */
export const indexFile = "bundles.json";

const rowSchema = z.object({
  /** Paths relative to the root of the sources. */
  inputs: z.array(z.string()).max(20_000),
  /** SHA-256 over all inputs and what bundles them. */
  digest: z.string(),
  /** SHA-256 of the bundle. */
  output: z.string(),
});
const indexSchema = z.record(z.string(), rowSchema);
export type BundleIndex = z.infer<typeof indexSchema>;

/** What decides about a bundle beside the sources themselves: packages (esbuild too) and its settings. */
const alwaysInputs = ["package-lock.json", "src/host/supervisor/bundle.ts"];

export function hashText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function digestInputs(root: string, inputs: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of [...alwaysInputs, ...inputs]) {
    hash.update(`${path}\0${hashText(readFileSync(join(root, path), "latin1"))}\n`);
  }
  return hash.digest("hex");
}

/** What earlier starts remembered; empty when there is nothing or it cannot be read. */
export function readIndex(programs: string): BundleIndex {
  try {
    return indexSchema.parse(JSON.parse(readFileSync(join(programs, indexFile), "utf8")));
  } catch {
    return {};
  }
}

export function writeIndex(programs: string, index: BundleIndex): void {
  const path = join(programs, indexFile);
  writeFileSync(`${path}.tmp`, JSON.stringify(index), { mode: 0o644 });
  renameSync(`${path}.tmp`, path);
}

/** A row for a bundle that was just made. */
export function makeRow(root: string, inputs: readonly string[], text: string): BundleIndex[string] {
  const sorted = [...inputs].sort();
  return { inputs: sorted, digest: digestInputs(root, sorted), output: hashText(text) };
}

/** The SHA-256 of the bundle that these sources give, when that is remembered and no source has changed. */
export function findOutput(index: BundleIndex, key: string, root: string): string | undefined {
  const row = index[key];
  try {
    return row !== undefined && digestInputs(root, row.inputs) === row.digest ? row.output : undefined;
  } catch {
    return undefined;
  }
}
