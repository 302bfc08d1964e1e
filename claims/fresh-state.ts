// A state folder for one test run: short enough for socket paths, readable by the user ids that Ambit drops to, removed
// afterwards.
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FreshState {
  readonly folder: string;
  remove(): void;
}

/** Names a folder of bundles that were made already, for a run with many hosts; each host believes only what it hashed. */
export const bundlesVariable = "AMBIT_TEST_BUNDLES";

/** Puts those bundles into a state folder, where there are some. */
export function giveBundles(folder: string): void {
  const bundles = process.env[bundlesVariable];
  if (bundles !== undefined) cpSync(bundles, join(folder, "programs"), { recursive: true });
}

/** Makes a state folder with nothing in it but such bundles. */
export function freshState(): FreshState {
  const folder = mkdtempSync(join(tmpdir(), "ambit-"));
  chmodSync(folder, 0o711);
  giveBundles(folder);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}
