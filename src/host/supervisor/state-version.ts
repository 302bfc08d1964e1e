// Control `data`, `runtime`: the version of a whole state folder, in `meta` of host.sqlite, and the steps from one to the
// next. Whoever changes the form of anything that is stored adds a step here, with nothing to run where the database sees
// to its own tables: the step is what makes a new Ambit take a backup first and an older one refuse. What must stay true:
// an Ambit never writes into state that it does not know, nor into state that a newer one has begun to change.
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";

export interface StateStep {
  /** The version it leads to. */
  readonly to: number;
  /** What changes, in a few words. */
  readonly what: string;
  /** Outside host.sqlite. May be killed anywhere and is then run again from the top: it must come to the same. */
  readonly files?: (state: string) => void;
  /** In host.sqlite, in the commit that also writes the version: it happens once. */
  readonly registry?: (db: DatabaseSync) => void;
}

/** Version 1 is state without a version, and what this Ambit writes. */
export const stateSteps: readonly StateStep[] = [];

export function versionAfter(steps: readonly StateStep[]): number {
  return steps.at(-1)?.to ?? 1;
}

/** An upgrade that was begun: `backup` is the name of the state's backup from before it. */
const upgrading = z.object({ to: z.int(), backup: z.string() });
export type Upgrading = z.infer<typeof upgrading>;

export interface FoundState {
  readonly version: number;
  /** Version of the Ambit that wrote it last, where it said so. */
  readonly writtenBy: string | null;
  readonly upgrading: Upgrading | null;
}

/** What stands in a host.sqlite; null when nothing was ever stored in it. */
export function findStateVersion(db: DatabaseSync): FoundState | null {
  const names = db.prepare("select name from sqlite_master where type = 'table'").all();
  const has = (table: string): boolean => names.some(({ name }) => name === table);
  if (!has("deployments")) return null;
  const meta = (key: string): string | null => {
    const row = has("meta") ? db.prepare("select value from meta where key = ?").get(key) : undefined;
    return row === undefined ? null : String(row["value"]);
  };
  const begun = meta("state_upgrading");
  return {
    version: Number(meta("state_version") ?? 1),
    writtenBy: meta("state_written_by"),
    upgrading: begun === null ? null : upgrading.parse(JSON.parse(begun)),
  };
}

/** Writes one of the keys above, or takes it away; part of the transaction that is open. */
export function noteState(db: DatabaseSync, key: "version" | "written_by" | "upgrading", value: string | null): void {
  const name = `state_${key}`;
  if (value === null) return void db.prepare("delete from meta where key = ?").run(name);
  // A start that changes nothing writes nothing.
  db.prepare(
    `insert into meta (key, value) values (?, ?)
     on conflict (key) do update set value = excluded.value where value <> excluded.value`,
  ).run(name, value);
}
