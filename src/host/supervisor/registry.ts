// Control `runtime`, `data`: what is deployed on this machine, and the lock that makes one supervisor the only one on a
// state folder. The lock is SQLite's own file lock, so it goes with the process, however that dies. A deployment's row
// is written last: whatever is killed in the middle of a deploy, the row names a release that worked.
import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { releaseSchema, type Release } from "../../controls/manifest/release.ts";
import { AdminChain, adminTables } from "./admin-chain.ts";
import type { FrozenSince } from "../../controls/wire/freeze.ts";
import { ProposalStore, proposalTables } from "./proposal-store.ts";
import { ran, ReleaseStore, releaseTables, type DeployNote } from "./release-store.ts";
import { StartRefused } from "./start-refused.ts";
import { noteState, stateSteps, versionAfter } from "./state-version.ts";

/**
 * 2: frozen deployments. 3: releases that ran, proposals, removals. 4: the version of the whole state folder. An older
 * program would not heed them.
 */
export const registryVersion = 4;

export interface DeploymentRow {
  readonly name: string;
  readonly uid: number;
  /** Undefined when it was stored by a version whose releases this one does not read: then it cannot run. */
  readonly release: Release | undefined;
  /** SHA-256, hex, of the channel token; the token itself is nowhere. */
  readonly tokenDigest: string;
  readonly tokenId: string;
  /** ISO 8601, UTC. */
  readonly created: string;
}

const tables = `
  create table if not exists meta (key text primary key, value text not null) strict;
  create table if not exists deployments (
    name text primary key, uid integer not null, release text not null,
    token_digest text not null, token_id text not null, created text not null
  ) strict;
  create table if not exists pending (name text primary key, uid integer not null) strict;
  ${adminTables}
  create table if not exists frozen (
    name text primary key, who text not null, why text not null, since text not null, pin_due integer not null
  ) strict;
  create table if not exists removing (name text primary key, uid integer not null) strict;
  ${releaseTables}
  ${proposalTables}
`;

/** Of a registry that knew only what runs: what runs has run. */
const historyFrom2 = `
  insert into releases (deployment, n, release, body, at, who, diff, outcome)
  select name, 1, coalesce(json_extract(release, '$.release'), ''), release, created, '', null, 'ran' from deployments;
`;

const rowSchema = z.object({
  name: z.string(),
  uid: z.int(),
  release: z.string(),
  token_digest: z.string(),
  token_id: z.string(),
  created: z.string(),
});
const frozenRow = z.object({ who: z.string(), why: z.string(), since: z.string(), pin_due: z.int() });
const pendingSchema = z.object({ name: z.string(), uid: z.int() });
export type PendingRow = z.infer<typeof pendingSchema>;

function parseRow(row: unknown): DeploymentRow {
  const { name, uid, release, token_digest, token_id, created } = rowSchema.parse(row);
  const parsed = releaseSchema.safeParse(JSON.parse(release));
  return { name, uid, release: parsed.data, tokenDigest: token_digest, tokenId: token_id, created };
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
}

/** Of two that start at the same moment each can find the other half way to the lock: then both try again, milliseconds. */
const lockMs = 250;

/** Opens and locks the file of the registry; `whoRuns` finishes the sentence when another supervisor has it. */
export function lockRegistry(path: string, whoRuns: () => string): DatabaseSync {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new DatabaseSync(path, { timeout: lockMs });
  try {
    // Exclusive from the start, two would each keep a shared lock for good that keeps the other from its own.
    db.exec("pragma synchronous = full; begin exclusive; pragma locking_mode = exclusive; commit;");
    // A file that is no database says so here.
    db.prepare("pragma user_version").get();
    return db;
  } catch (error) {
    db.close();
    throw describeFault(path, error, whoRuns);
  }
}

/** Opens and locks the registry and makes its tables. */
export function openRegistry(path: string, whoRuns: () => string): Registry {
  return makeRegistry(lockRegistry(path, whoRuns), path);
}

/** The registry in a file that is locked, and whose state is of this version. */
export function makeRegistry(db: DatabaseSync, path: string): Registry {
  try {
    const version = Number(db.prepare("pragma user_version").get()?.["user_version"] ?? 0);
    if (version > registryVersion) {
      throw new StartRefused(
        `${path} was written by a newer Ambit (schema ${version}, this one knows ${registryVersion}): start that one`,
      );
    }
    const history = version === 1 || version === 2 ? historyFrom2 : "";
    db.exec(`begin; ${tables} ${history} pragma user_version = ${registryVersion};`);
    noteState(db, "version", String(versionAfter(stateSteps)));
    db.exec("commit");
  } catch (error) {
    db.close();
    throw describeFault(path, error);
  }
  return new Registry(db);
}

function describeFault(path: string, error: unknown, whoRuns?: () => string): StartRefused {
  if (whoRuns !== undefined && isBusy(error)) return new StartRefused(whoRuns());
  if (error instanceof StartRefused) return error;
  // SQLite says "disk I/O error" of twenty things; its extended code says which.
  const code = error instanceof Error && "errcode" in error ? `, SQLite ${String(error.errcode)}` : "";
  return new StartRefused(
    `${path} cannot be used (${String(error)}${code}): restore it from a backup (docs/upgrades.md), or free space on its disk`,
  );
}

/** The registry of one state folder; every method is one committed transaction. */
export class Registry {
  /** What the operator did; its entries can be in one commit with what they tell. */
  readonly audit: AdminChain;
  readonly releases: ReleaseStore;
  readonly proposals: ProposalStore;
  readonly #db: DatabaseSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.audit = new AdminChain(db);
    this.releases = new ReleaseStore(db);
    this.proposals = new ProposalStore(db);
  }

  list(): DeploymentRow[] {
    return this.#db.prepare("select * from deployments order by name").all().map(parseRow);
  }

  /** Of all deployments, without reading their releases. */
  names(): string[] {
    const rows = this.#db.prepare("select name from deployments order by name").all();
    return rows.map((row) => String(row["name"]));
  }

  find(name: string): DeploymentRow | undefined {
    const row = this.#db.prepare("select * from deployments where name = ?").get(name);
    return row === undefined ? undefined : parseRow(row);
  }

  /** Deploys that were begun and neither finished nor undone, for example because the host was killed. */
  pending(): PendingRow[] {
    return this.#db
      .prepare("select name, uid from pending order by name")
      .all()
      .map((row) => pendingSchema.parse(row));
  }

  usedUids(): Set<number> {
    const rows = this.#db
      .prepare("select uid from deployments union select uid from pending union select uid from removing")
      .all();
    return new Set(rows.map((row) => Number(row["uid"])));
  }

  /** Writes down that a deploy begins; for a new deployment this also reserves its user id. */
  begin(name: string, uid: number): void {
    this.#db.prepare("insert or replace into pending (name, uid) values (?, ?)").run(name, uid);
  }

  /** Makes a release the one that runs, from now on and after every restart. */
  commit(row: DeploymentRow & { readonly release: Release }, { by, diff }: DeployNote): void {
    this.audit.together(() => {
      this.#db
        .prepare(
          `insert into deployments (name, uid, release, token_digest, token_id, created) values (?, ?, ?, ?, ?, ?)
           on conflict (name) do update set release = excluded.release`,
        )
        .run(row.name, row.uid, JSON.stringify(row.release), row.tokenDigest, row.tokenId, row.created);
      this.#db.prepare("delete from pending where name = ?").run(row.name);
      this.releases.add(row.name, row.release, { by, diff, outcome: ran });
      // What was compared with another release is void.
      this.proposals.voidOthers(row.name, row.release.release);
      this.audit.append(row.name, "deployed", { release: row.release.release, by, diff });
    });
  }

  /** Takes a deployment out for good. Its chains stay; `removing` keeps its user id until nothing of it is left. */
  beginRemoval({ name, uid }: DeploymentRow, by: string, kept: string | null): void {
    this.audit.together(() => {
      for (const table of ["deployments", "pending", "frozen"])
        this.#db.prepare(`delete from ${table} where name = ?`).run(name);
      this.releases.forget(name);
      this.proposals.forget(name);
      this.#db.prepare("insert or replace into removing (name, uid) values (?, ?)").run(name, uid);
      this.audit.append(name, "removed", { by, kept });
    });
  }

  /** Removals that were begun, perhaps in an earlier life. */
  removing(): PendingRow[] {
    const rows = this.#db.prepare("select name, uid from removing order by name").all();
    return rows.map((row) => pendingSchema.parse(row));
  }

  /** Nothing of it is left. */
  endRemoval(name: string): void {
    this.#db.prepare("delete from removing where name = ?").run(name);
  }

  /** Writes down that a deploy was undone: of a new deployment nothing is left, of an older one the release before runs. */
  undo(name: string): void {
    this.#db.prepare("delete from pending where name = ?").run(name);
  }

  /** Freezes a deployment for good, until it is thawed; of an earlier freeze the words stay. */
  freeze(name: string, { by, reason, at }: FrozenSince): void {
    this.audit.together(() => {
      const query = "insert or ignore into frozen (name, who, why, since, pin_due) values (?, ?, ?, ?, 0)";
      const { changes } = this.#db.prepare(query).run(name, by, reason, at);
      if (changes === 1) this.audit.append(name, "frozen", { by, reason });
    });
  }

  /** Who froze a deployment, why and when; undefined when it is not frozen. */
  frozen(name: string): FrozenSince | undefined {
    const row = this.#db.prepare("select who, why, since, pin_due from frozen where name = ?").get(name);
    if (row === undefined) return undefined;
    const { who, why, since } = frozenRow.parse(row);
    return { by: who, reason: why, at: since };
  }

  /** A release was taken over that may not list its tools before it is thawed. */
  setPinDue(name: string): void {
    this.#db.prepare("update frozen set pin_due = 1 where name = ?").run(name);
  }

  isPinDue(name: string): boolean {
    return this.#db.prepare("select 1 from frozen where name = ? and pin_due = 1").get(name) !== undefined;
  }

  thaw(name: string, by: string): void {
    this.audit.together(() => {
      const { changes } = this.#db.prepare("delete from frozen where name = ?").run(name);
      if (changes === 1) this.audit.append(name, "thawed", { by });
    });
  }

  readMeta(key: string): string | undefined {
    const row = this.#db.prepare("select value from meta where key = ?").get(key);
    return row === undefined ? undefined : String(row["value"]);
  }

  writeMeta(key: string, value: string): void {
    this.#db
      .prepare("insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value")
      .run(key, value);
  }

  close(): void {
    this.#db.close();
  }
}
