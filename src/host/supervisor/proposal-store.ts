// Control `redeploys`: releases that may do more and wait for a second person. An attacker wants a proposal that was
// approved to bring in another release, or to be compared with another one than runs: the release's whole text is kept
// here, and a proposal is of one release against one other. Rows of votes are never changed.
import type { DatabaseSync } from "node:sqlite";
import { personKey } from "../../controls/access/people.ts";
import { releaseSchema, type Release } from "../../controls/manifest/release.ts";
import { authorityDiff, type AuthorityDiffView, type ProposalView } from "../../controls/wire/releases.ts";

export const proposalTables = `
  create table if not exists proposals (
    deployment text not null, release text not null, against text not null, body text not null, diff text not null,
    who text not null, at integer not null, state text not null,
    primary key (deployment, release)
  ) strict, without rowid;
  create table if not exists proposal_votes (
    deployment text not null, release text not null, person text not null, decision text not null, who text not null,
    at integer not null,
    primary key (deployment, release, person, decision)
  ) strict, without rowid;
`;

export type ProposalState = ProposalView["state"];
export type ProposalVote = { readonly by: string; readonly decision: "approve" | "deny"; readonly at: number };

export interface Proposal {
  readonly release: string;
  /** Hash of the release it was compared with. */
  readonly against: string;
  readonly authority: AuthorityDiffView;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly state: ProposalState;
  readonly votes: readonly ProposalVote[];
}

/** Undecided after this it is over, milliseconds. */
export const proposalMs = 7 * 86_400_000;
/** Proposals of one deployment that are remembered. */
const maxRows = 20;

export class ProposalStore {
  readonly #db: DatabaseSync;

  /** The tables must be there. */
  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** A new proposal of a release takes the place of an earlier one of the same, and its votes are over. */
  put(name: string, release: Release, authority: AuthorityDiffView, by: string, now: number): void {
    this.#forgetOne(name, release.release);
    const query = "insert into proposals values (?, ?, ?, ?, ?, ?, ?, 'open')";
    const [body, diff] = [JSON.stringify(release), JSON.stringify(authority)];
    this.#db.prepare(query).run(name, release.release, authority.from ?? "", body, diff, by, now);
    const old = "select release from proposals where deployment = ? order by at desc limit -1 offset ?";
    for (const row of this.#db.prepare(old).all(name, maxRows)) this.#forgetOne(name, String(row["release"]));
  }

  /** Newest first. */
  list(name: string, now: number): Proposal[] {
    const query = "select * from proposals where deployment = ? order by at desc";
    return this.#db
      .prepare(query)
      .all(name)
      .map((row) => this.#parse(name, row, now));
  }

  find(name: string, release: string, now: number): Proposal | undefined {
    const query = "select * from proposals where deployment = ? and release = ?";
    const row = this.#db.prepare(query).get(name, release);
    return row === undefined ? undefined : this.#parse(name, row, now);
  }

  /** The release as it was proposed. */
  open(name: string, release: string): Release | undefined {
    const row = this.#db.prepare("select body from proposals where deployment = ? and release = ?").get(name, release);
    return row === undefined ? undefined : releaseSchema.safeParse(JSON.parse(String(row["body"]))).data;
  }

  vote(name: string, release: string, { by, decision, at }: ProposalVote): void {
    const query = "insert into proposal_votes values (?, ?, ?, ?, ?, ?)";
    this.#db.prepare(query).run(name, release, personKey(by), decision, by, at);
  }

  setState(name: string, release: string, state: ProposalState): void {
    this.#db.prepare("update proposals set state = ? where deployment = ? and release = ?").run(state, name, release);
  }

  /** `running` runs now: what was compared with another release is void. */
  voidOthers(name: string, running: string): void {
    const query = "update proposals set state = 'void' where deployment = ? and state = 'open' and against != ?";
    this.#db.prepare(query).run(name, running);
  }

  forget(name: string): void {
    for (const table of ["proposals", "proposal_votes"])
      this.#db.prepare(`delete from ${table} where deployment = ?`).run(name);
  }

  #forgetOne(name: string, release: string): void {
    for (const table of ["proposals", "proposal_votes"])
      this.#db.prepare(`delete from ${table} where deployment = ? and release = ?`).run(name, release);
  }

  #parse(name: string, row: Record<string, unknown>, now: number): Proposal {
    const [release, at] = [String(row["release"]), Number(row["at"])];
    const state = String(row["state"]) as ProposalState;
    const votes = this.#db
      .prepare("select who, decision, at from proposal_votes where deployment = ? and release = ? order by at")
      .all(name, release)
      .map((vote) => ({
        by: String(vote["who"]),
        decision: String(vote["decision"]) as ProposalVote["decision"],
        at: Number(vote["at"]),
      }));
    return {
      ...{ release, against: String(row["against"]), by: String(row["who"]), at, votes },
      authority: authorityDiff.parse(JSON.parse(String(row["diff"]))),
      // A clock that was wrong when it came must not make it wait for ever.
      state: state === "open" && Math.abs(now - at) > proposalMs ? "expired" : state,
    };
  }
}
