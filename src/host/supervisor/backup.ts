// Control `data`: a copy of the whole state, taken while nothing runs. It holds every secret that the state holds, so its
// folder is closed to all but the supervisor's user, and everything in it keeps its owner and mode: copied back as it is,
// it runs. A copy that was cut off never has the name of a whole one, and none is begun that the disk has no room for.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { StartRefused } from "./start-refused.ts";

const noteFile = "backup.json";
const noteSchema = z.object({ v: z.literal(1), version: z.int(), ambit: z.string().nullable(), at: z.string() });
/** Backups that are kept after an upgrade. */
export const keptBackups = 3;
/** Beside the copy there must be room to go on. */
const spareBytes = 64 * 1024 * 1024;
/** Made again by any start, not state, or the backups themselves. */
const leftOut = new Set(["programs", "logs", "backups"]);

export interface Backup {
  readonly name: string;
  readonly path: string;
  readonly version: number;
  /** Version of the Ambit that had written the state, where it said so. */
  readonly ambit: string | null;
}

export interface BackupOrder {
  readonly version: number;
  readonly ambit: string | null;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Bytes that are free on the disk; left out, the disk is asked. */
  readonly freeBytes?: number;
}

/** Bytes on disk of a file or of all that is in a folder; links are not followed. */
function sizeOnDisk(path: string): number {
  const found = lstatSync(path);
  const own = found.blocks * 512;
  return found.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOnDisk(join(path, name)), own) : own;
}

function run(command: string, args: readonly string[]): void {
  const env = { PATH: "/usr/bin:/bin", LC_ALL: "C" };
  const { status, stderr, error } = spawnSync(command, args, {
    env,
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw new Error(`${command}: ${stderr?.trim().split("\n").at(-1) || error?.message || status}`);
}

/** Copies the state of `db`, which this process has locked and nobody else uses. Throws before it has changed anything. */
export function makeBackup(state: string, db: DatabaseSync, order: BackupOrder): Backup {
  const { version, ambit, at } = order;
  const backups = join(state, "backups");
  const parts = readdirSync(state).filter((name) => !leftOut.has(name));
  const bytes = parts.reduce((sum, name) => sum + sizeOnDisk(join(state, name)), spareBytes);
  const { bavail, bsize } = statfsSync(state);
  const free = order.freeBytes ?? bavail * bsize;
  if (free < bytes) {
    throw new StartRefused(
      `the state in ${state} must be copied before it is upgraded: that takes ${megabytes(bytes)} MB and its disk has ` +
        `${megabytes(free)} MB free: make room (${backups} holds earlier copies) and start again`,
    );
  }
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  chmodSync(backups, 0o700);
  removeCut(state);
  const name = `${at.replace(/[:.]/g, "-")}-v${version}`;
  const cut = join(backups, `${name}.cut`);
  mkdirSync(cut, { mode: 0o700 });
  try {
    // By SQLite and not as a file: closing any other descriptor of it would give up this process's lock.
    db.prepare("vacuum into ?").run(join(cut, "host.sqlite"));
    chmodSync(join(cut, "host.sqlite"), 0o600);
    const files = parts.filter((part) => !part.startsWith("host.sqlite")).map((part) => join(state, part));
    if (files.length > 0) run("cp", ["-a", "--", ...files, cut]);
    writeFileSync(join(cut, noteFile), `${JSON.stringify({ v: 1, version, ambit, at })}\n`, { mode: 0o600 });
    run("sync", ["-f", cut]);
    renameSync(cut, join(backups, name));
  } catch (error) {
    rmSync(cut, { recursive: true, force: true });
    throw new StartRefused(`the backup of ${state} failed (${(error as Error).message}): nothing was upgraded`);
  }
  return { name, path: join(backups, name), version, ambit };
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / 1_048_576);
}

/** Whole backups of a state folder, oldest first. */
export function listBackups(state: string): Backup[] {
  const backups = join(state, "backups");
  const names = existsSync(backups) ? readdirSync(backups).sort() : [];
  return names.flatMap((name) => {
    const path = join(backups, name);
    const note = noteSchema.safeParse(readJson(join(path, noteFile)));
    return note.success && !name.endsWith(".cut")
      ? [{ name, path, version: note.data.version, ambit: note.data.ambit }]
      : [];
  });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Removes copies that a kill cut off. */
function removeCut(state: string): void {
  const backups = join(state, "backups");
  for (const name of readdirSync(backups).filter((one) => one.endsWith(".cut")))
    rmSync(join(backups, name), { recursive: true, force: true });
}

/** Removes all but the last few. */
export function pruneBackups(state: string): void {
  for (const { path } of listBackups(state).slice(0, -keptBackups)) rmSync(path, { recursive: true, force: true });
}
