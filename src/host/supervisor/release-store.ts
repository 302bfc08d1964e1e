// Control `redeploys`: the releases that ran, whole, so that one command brings any of them back. An attacker wants a
// release in here that never ran, which a rollback would take without asking anybody: a row says `ran` only in the commit
// that makes its release the one that runs.
import type { DatabaseSync } from "node:sqlite";
import { releaseSchema, type Release } from "../../controls/manifest/release.ts";
import type { ReleaseView } from "../../controls/wire/releases.ts";

export const releaseTables = `
  create table if not exists releases (
    deployment text not null, n integer not null, release text not null, body text not null, at text not null,
    who text not null, diff text, outcome text not null,
    primary key (deployment, n)
  ) strict, without rowid;
`;

/** Outcome of a release that became the one that runs; any other outcome says why not. */
export const ran = "ran";
/** Rows of one deployment; what runs and what ran before it are kept whatever came since. */
const maxRows = 50;

/** Who deploys, and the hash of what they accepted. */
export interface DeployNote {
  readonly by: string;
  readonly diff: string | null;
}

export class ReleaseStore {
  readonly #db: DatabaseSync;

  /** The table must be there. */
  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** The body is kept only of what ran. In the transaction that is open. */
  add(name: string, release: Release, { by, diff, outcome }: DeployNote & { readonly outcome: string }): void {
    const query = `insert into releases (deployment, n, release, body, at, who, diff, outcome)
      values (?, (select coalesce(max(n), 0) + 1 from releases where deployment = ?), ?, ?, ?, ?, ?, ?)`;
    const body = outcome === ran ? JSON.stringify(release) : "";
    this.#db
      .prepare(query)
      .run(name, name, release.release, body, new Date().toISOString(), by, diff, outcome.slice(0, 500));
    this.#prune(name);
  }

  /** Newest first. */
  list(name: string, running: string): ReleaseView[] {
    const query = "select release, at, who, diff, outcome from releases where deployment = ? order by n desc";
    return this.#db
      .prepare(query)
      .all(name)
      .map((row) => ({
        release: String(row["release"]),
        at: String(row["at"]),
        by: String(row["who"]),
        diff: row["diff"] === null ? null : String(row["diff"]),
        outcome: String(row["outcome"]),
        running: row["release"] === running && row["outcome"] === ran,
      }));
  }

  /** Hash of the release that ran before the one that runs. */
  before(name: string, running: string): string | undefined {
    const query = `select release from releases where deployment = ? and outcome = '${ran}' and release != ? order by n desc limit 1`;
    const row = this.#db.prepare(query).get(name, running);
    return row === undefined ? undefined : String(row["release"]);
  }

  /** Hashes of releases that ran and begin with these digits. */
  match(name: string, digits: string): string[] {
    const query = `select distinct release from releases where deployment = ? and outcome = '${ran}' and substr(release, 1, ?) = ?`;
    return this.#db
      .prepare(query)
      .all(name, digits.length, digits)
      .map((row) => String(row["release"]));
  }

  /** A release that ran; undefined when there is none of this hash, or it was stored by a version that wrote them otherwise. */
  open(name: string, release: string): Release | undefined {
    const query = `select body from releases where deployment = ? and release = ? and outcome = '${ran}' order by n desc limit 1`;
    const row = this.#db.prepare(query).get(name, release);
    return row === undefined ? undefined : releaseSchema.safeParse(JSON.parse(String(row["body"]))).data;
  }

  forget(name: string): void {
    this.#db.prepare("delete from releases where deployment = ?").run(name);
  }

  #prune(name: string): void {
    const query = `delete from releases where deployment = ?1
      and n <= (select max(n) - ${maxRows} from releases where deployment = ?1)
      and n not in (select max(n) from releases where deployment = ?1 and outcome = '${ran}' group by release
        order by max(n) desc limit 2)`;
    this.#db.prepare(query).run(name);
  }
}
