// Control `audit`: the chain on disk. Entries only ever go in at the end, in the order their thread wrote them, once;
// a repeated report changes nothing.
import type { EntryBody, ThreadEntry } from "../../controls/audit/entry.ts";
import { linkAfter } from "../../controls/audit/entry.ts";
import { chainId, genesis, type Standing } from "../../controls/audit/chain.ts";
import type { SignedChain, SignedStep } from "../../controls/audit/sign-onward.ts";
import type { ChainPage, Signature } from "../../controls/wire/audit.ts";

export const chainTables = `
  create table if not exists entries (seq integer primary key, entry text not null, digest text not null, head text not null);
  create table if not exists reported (thread text primary key, n integer not null);
  create table if not exists signatures (seq integer primary key, head text not null, signature text not null, key text not null);
`;

export class ChainStore implements SignedChain {
  readonly #sql: SqlStorage;
  readonly #deployment: string;
  #standing: Standing | undefined;

  constructor(sql: SqlStorage, deployment: string) {
    this.#sql = sql;
    this.#deployment = deployment;
  }

  /** Where the chain ends now. */
  standing(): Standing {
    if (!this.#standing) {
      const row = this.#sql.exec("select seq, head from entries order by seq desc limit 1").toArray()[0];
      this.#standing = row
        ? { sequence: Number(row["seq"]), head: String(row["head"]) }
        : genesis(chainId(this.#deployment, "gate"));
    }
    return this.#standing;
  }

  append(body: EntryBody): void {
    const { text, digest, standing } = linkAfter(this.standing(), body);
    this.#sql.exec("insert into entries values (?, ?, ?, ?)", standing.sequence, text, digest, standing.head);
    this.#standing = standing;
  }

  /** Appends what `thread` reports and this chain does not hold yet; returns the newly appended bodies. */
  appendReport(thread: string, entries: readonly ThreadEntry[]): EntryBody[] {
    const row = this.#sql.exec("select n from reported where thread = ?", thread).toArray()[0];
    let last = row ? Number(row["n"]) : 0;
    const fresh: EntryBody[] = [];
    for (const { n, body } of entries) {
      if (n <= last) continue;
      if (n !== last + 1) throw new Error(`entries of thread ${thread} skip from ${last} to ${n}`);
      this.append(body);
      fresh.push(body);
      last = n;
    }
    if (fresh.length > 0) this.#sql.exec("insert or replace into reported values (?, ?)", thread, last);
    return fresh;
  }

  /** A conversation begins: from now on there is something to ask about. Again is fine and writes nothing. */
  noteThread(thread: string): void {
    this.#sql.exec("insert or ignore into reported values (?, 0)", thread);
  }

  hasThread(thread: string): boolean {
    return this.#sql.exec("select 1 from reported where thread = ?", thread).toArray().length > 0;
  }

  /** Forgets what was read, after a transaction was rolled back. */
  forget(): void {
    this.#standing = undefined;
  }

  /** Entries after `after`, at most `limit`, as stored. */
  read(after: number, limit: number): ChainPage["entries"] {
    const rows = this.#sql.exec("select entry, head from entries where seq > ? order by seq limit ?", after, limit);
    return rows.toArray().map((row) => ({
      entry: JSON.parse(String(row["entry"])) as ChainPage["entries"][number]["entry"],
      head: String(row["head"]),
    }));
  }

  /** The digests of the same entries, and where the chain stands after each. */
  async digests(after: number, limit: number): Promise<SignedStep[]> {
    const rows = this.#sql.exec(
      "select seq, digest, head from entries where seq > ? order by seq limit ?",
      after,
      limit,
    );
    return rows.toArray().map((row) => ({
      digest: String(row["digest"]),
      standing: { sequence: Number(row["seq"]), head: String(row["head"]) },
    }));
  }

  lastSigned(): number {
    const row = this.#sql.exec("select max(seq) as seq from signatures").toArray()[0];
    return Number(row?.["seq"] ?? 0);
  }

  keep({ sequence, head, signature, key }: Signature): void {
    this.#sql.exec("insert or ignore into signatures values (?, ?, ?, ?)", sequence, head, signature, key);
  }

  /** Signatures over the heads after entry `after` up to entry `last`. */
  signatures(after: number, last: number): Signature[] {
    const rows = this.#sql.exec("select * from signatures where seq > ? and seq <= ? order by seq", after, last);
    return rows.toArray().map((row) => ({
      sequence: Number(row["seq"]),
      head: String(row["head"]),
      signature: String(row["signature"]),
      key: String(row["key"]),
    }));
  }
}
