// The demo's own state folder: programs are kept between demos, everything else is the last demo's and is cleared. Two demos
// at once would clear each other's: the lock is the kernel's, held by an open SQLite file, so it cannot be left behind.
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CommandError } from "./arguments.ts";

const lockFile = "demo-lock.sqlite";

export function usualDemoState(): string {
  if (process.getuid?.() === 0) return "/var/lib/ambit-demo";
  return join(process.env["HOME"] || tmpdir(), ".local/state/ambit-demo");
}

/** Holds the folder until this process ends and empties it; refuses while another demo has it. */
export function claimDemoState(folder: string): { release(): void } {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  const db = new DatabaseSync(join(folder, lockFile), { timeout: 0 });
  try {
    db.exec("begin exclusive");
  } catch (thrown) {
    db.close();
    if (!/locked|busy/.test((thrown as Error).message)) throw thrown;
    throw new CommandError(
      "a demo runs already; stop it with Ctrl-C there, or give this one its own folder: ./ambit demo --state DIR",
    );
  }
  for (const name of readdirSync(folder)) {
    if (name !== "programs" && !name.startsWith(lockFile)) rmSync(join(folder, name), { recursive: true, force: true });
  }
  return { release: () => db.close() };
}
