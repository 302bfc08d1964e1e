// Control `audit`: the chains of one writer on disk, one for each deployment, in the database of the process that writes
// them. Somebody wants an entry that tells of nothing, or an act without its entry: an entry goes in with the transaction
// of what it tells, only ever at the end, and nothing here changes or removes one. Reading computes each digest from the
// entry itself, so that a row that was edited on disk shows.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Json } from "../boundary.ts";
import { chainId, genesis, type Standing, type Writer } from "../controls/audit/chain.ts";
import { digestOfText, linkAfter, type EntryBody } from "../controls/audit/entry.ts";
import type { SignedStep } from "../controls/audit/sign-onward.ts";
import { pageEntries } from "../controls/wire/audit.ts";

export type Detail = { readonly [key: string]: Json };

/** Made with the other tables of its database. */
export const chainTable = `
  create table if not exists chain_entries (
    deployment text not null, seq integer not null, entry text not null, head text not null,
    primary key (deployment, seq)
  ) strict, without rowid;
`;

export class ChainTable {
  readonly #database: DatabaseSync;
  readonly #writer: Writer;
  readonly #standings = new Map<string, Standing>();
  readonly #insert: StatementSync;
  readonly #last: StatementSync;
  readonly #after: StatementSync;
  readonly #nextName: StatementSync;

  /** The table must be there. */
  constructor(database: DatabaseSync, writer: Writer) {
    this.#database = database;
    this.#writer = writer;
    this.#insert = database.prepare("insert into chain_entries (deployment, seq, entry, head) values (?, ?, ?, ?)");
    this.#last = database.prepare("select seq, head from chain_entries where deployment = ? order by seq desc limit 1");
    this.#after = database.prepare(
      "select seq, entry, head from chain_entries where deployment = ? and seq > ? order by seq limit ?",
    );
    this.#nextName = database.prepare(
      "select deployment from chain_entries where deployment > ? order by deployment limit 1",
    );
  }

  /** One commit of what `work` stores and of the entries that tell of it. Throws, with nothing stored, when one cannot be. */
  together<T>(work: () => T): T {
    if (this.#database.isTransaction) return work();
    this.#database.exec("begin immediate");
    try {
      const result = work();
      this.#database.exec("commit");
      return result;
    } catch (error) {
      this.#standings.clear();
      // A full disk may have ended it already.
      if (this.#database.isTransaction) this.#database.exec("rollback");
      throw error;
    }
  }

  /** One entry, in the transaction that is open or in one of its own. Throws when it cannot be stored. */
  append(deployment: string, event: string, detail: Detail, callId?: string): void {
    const body = { v: 1 as const, at: new Date().toISOString(), event, detail };
    this.appendBody(deployment, callId === undefined ? body : { ...body, callId });
  }

  /** The same of something that happened a moment ago. */
  appendBody(deployment: string, body: EntryBody): void {
    this.together(() => {
      const { text, standing } = linkAfter(this.standing(deployment), body);
      this.#insert.run(deployment, standing.sequence, text, standing.head);
      this.#standings.set(deployment, standing);
    });
  }

  /** Where a chain stands now. */
  standing(deployment: string): Standing {
    const known = this.#standings.get(deployment);
    if (known !== undefined) return known;
    const row = this.#last.get(deployment);
    const standing =
      row === undefined
        ? genesis(chainId(deployment, this.#writer))
        : { sequence: Number(row["seq"]), head: String(row["head"]) };
    this.#standings.set(deployment, standing);
    return standing;
  }

  /** The page after entry `after`, see `chainPage`; signatures are kept elsewhere. */
  page(deployment: string, after: number): { entries: { entry: Json; head: string }[]; signatures: Json[] } {
    const rows = this.#after.all(deployment, after, pageEntries);
    const entries = rows.map(({ entry, head }) => ({
      entry: JSON.parse(String(entry)) as Json,
      head: String(head),
    }));
    return { entries, signatures: [] };
  }

  /** The digests of the same entries. */
  digests(deployment: string, after: number, limit: number): SignedStep[] {
    return this.#after.all(deployment, after, limit).map(({ seq, entry, head }) => ({
      digest: digestOfText(String(entry)),
      standing: { sequence: Number(seq), head: String(head) },
    }));
  }

  /** How many entries each chain has. Takes no longer because chains are long. */
  lengths(): Record<string, number> {
    const found: [string, number][] = [];
    for (let name = ""; ;) {
      const next = this.#nextName.get(name)?.["deployment"];
      if (typeof next !== "string") return Object.fromEntries(found);
      name = next;
      found.push([name, this.standing(name).sequence]);
    }
  }
}
