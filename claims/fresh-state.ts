// A state folder for one test run: short enough for socket paths, readable by the user ids that Ambit drops to, removed
// afterwards.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface FreshState {
  readonly folder: string;
  remove(): void;
}

/** Makes an empty state folder. */
export function freshState(): FreshState {
  const folder = mkdtempSync(join(tmpdir(), "ambit-"));
  chmodSync(folder, 0o711);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }) };
}
