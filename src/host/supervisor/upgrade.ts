// Control `data`, `runtime`: brings the state of an older Ambit to this one, after a backup of all of it, and refuses the
// state of a newer one. A kill at any moment is the attacker: the backup is from before the first step and stays it, a step
// is in one commit with the version it leads to, and the next start goes on where that one stood.
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { listBackups, makeBackup, pruneBackups, type Backup } from "./backup.ts";
import type { Log } from "./log.ts";
import { StartRefused } from "./start-refused.ts";
import { findStateVersion, noteState, versionAfter, type FoundState, type StateStep } from "./state-version.ts";

export interface Upgrade {
  readonly state: string;
  /** host.sqlite of the state folder, locked by this process. */
  readonly db: DatabaseSync;
  readonly steps: readonly StateStep[];
  /** Version of this Ambit. */
  readonly ambit: string;
  readonly log: Pick<Log, "event">;
  /** Ends what an earlier run left: nothing may write while the state is copied. */
  readonly quiet: () => Promise<void>;
}

/** Whoever waits for the start gives it more time from here on: a large state takes long to copy. */
const upgradeBegun = "state_upgrade_begun";

/** The state must be of this version or older, and not one that a newer Ambit has begun to upgrade. */
function requireKnown({ state, steps, ambit }: Upgrade, found: FoundState): void {
  const known = versionAfter(steps);
  const version = Math.max(found.version, found.upgrading?.to ?? 0);
  if (version <= known) return;
  const backup = listBackups(state).findLast((one) => one.version <= known);
  const back =
    backup === undefined
      ? ` (there is no backup of version ${known} or before in ${join(state, "backups")})`
      : `, or go back to the backup ${backup.path} (docs/upgrades.md)`;
  throw new StartRefused(
    `the state in ${state} has version ${version}, written by Ambit ${found.writtenBy ?? "of unknown version"}; this Ambit ` +
      `${ambit} knows version ${known} and leaves it as it is: start the newer one${back}`,
  );
}

function findOrMakeBackup({ state, db, log }: Upgrade, { version, writtenBy, upgrading }: FoundState): Backup {
  // Half upgraded, the state is no backup any more: the one from before stays.
  const before = listBackups(state).find(({ name }) => name === upgrading?.backup);
  if (before !== undefined) return before;
  const backup = makeBackup(state, db, { version, ambit: writtenBy, at: new Date().toISOString() });
  log.event("state_backed_up", { backup: backup.path, version });
  return backup;
}

function inOneCommit(db: DatabaseSync, work: () => void): void {
  db.exec("begin immediate");
  try {
    work();
    db.exec("commit");
  } catch (error) {
    if (db.isTransaction) db.exec("rollback");
    throw error;
  }
}

/** Before anything else is made of the state. Does nothing where it is new, or of this version. */
export async function upgradeState(upgrade: Upgrade): Promise<void> {
  const { state, db, steps, ambit, log } = upgrade;
  const found = findStateVersion(db);
  if (found === null) return;
  requireKnown(upgrade, found);
  const known = versionAfter(steps);
  if (found.version === known) return;
  log.event(upgradeBegun, { state, from: found.version, to: known });
  await upgrade.quiet();
  const backup = findOrMakeBackup(upgrade, found);
  inOneCommit(db, () => {
    db.exec("create table if not exists meta (key text primary key, value text not null) strict");
    noteState(db, "upgrading", JSON.stringify({ to: known, backup: backup.name }));
    noteState(db, "written_by", ambit);
  });
  for (const step of steps.filter(({ to }) => to > found.version)) {
    try {
      step.files?.(state);
      inOneCommit(db, () => {
        step.registry?.(db);
        noteState(db, "version", String(step.to));
        if (step.to === known) noteState(db, "upgrading", null);
      });
    } catch (error) {
      throw new StartRefused(
        `the state in ${state} could not be upgraded to version ${step.to} (${step.what}): ${(error as Error).message}. ` +
          `As it was before it is in ${backup.path}: docs/upgrades.md says how to go back`,
      );
    }
  }
  pruneBackups(state);
  log.event("state_upgraded", { from: found.version, to: known, backup: backup.path });
}
