// Control `audit`: the chain on disk. Entries only ever go in at the end, in the order their thread wrote them, once;
// a repeated report changes nothing.
import type { ChainEntry, EntryBody, ThreadEntry } from "../../controls/audit/entry.ts";
import { entryDigest } from "../../controls/audit/entry.ts";
import { genesisHead, nextHead } from "../../controls/audit/chain.ts";

export interface Head {
  readonly seq: number;
  readonly head: string;
}

export const chainTables = `
  create table if not exists entries (seq integer primary key, entry text not null, digest text not null, head text not null);
  create table if not exists reported (thread text primary key, n integer not null);
  create table if not exists signatures (seq integer primary key, head text not null, signature text not null, key text not null);
`;

export class ChainStore {
  readonly #sql: SqlStorage;
  readonly #deployment: string;
  #head: Head | undefined;

  constructor(sql: SqlStorage, deployment: string) {
    this.#sql = sql;
    this.#deployment = deployment;
  }

  /** Where the chain ends now. */
  head(): Head {
    if (!this.#head) {
      const row = this.#sql.exec("select seq, head from entries order by seq desc limit 1").toArray()[0];
      this.#head = row
        ? { seq: Number(row["seq"]), head: String(row["head"]) }
        : { seq: 0, head: genesisHead(this.#deployment) };
    }
    return this.#head;
  }

  append(body: EntryBody): void {
    const { seq, head } = this.head();
    const entry: ChainEntry = { ...body, seq: seq + 1 };
    const digest = entryDigest(entry);
    const next = nextHead(head, digest);
    this.#sql.exec("insert into entries values (?, ?, ?, ?)", entry.seq, JSON.stringify(entry), digest, next);
    this.#head = { seq: entry.seq, head: next };
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

  /** Forgets what was read, after a transaction was rolled back. */
  forget(): void {
    this.#head = undefined;
  }

  /** Entries after `seq`, at most `limit`, as stored. */
  read(after: number, limit: number): { entry: ChainEntry; digest: string; head: string }[] {
    const rows = this.#sql.exec(
      "select entry, digest, head from entries where seq > ? order by seq limit ?",
      after,
      limit,
    );
    return rows.toArray().map((row) => ({
      entry: JSON.parse(String(row["entry"])) as ChainEntry,
      digest: String(row["digest"]),
      head: String(row["head"]),
    }));
  }

  lastSigned(): number {
    const row = this.#sql.exec("select max(seq) as seq from signatures").toArray()[0];
    return Number(row?.["seq"] ?? 0);
  }

  keepSignature(seq: number, head: string, signature: string, key: string): void {
    this.#sql.exec("insert or ignore into signatures values (?, ?, ?, ?)", seq, head, signature, key);
  }

  latestSignature(): { seq: number; head: string; signature: string; key: string } | null {
    const row = this.#sql.exec("select * from signatures order by seq desc limit 1").toArray()[0];
    if (!row) return null;
    return {
      seq: Number(row["seq"]),
      head: String(row["head"]),
      signature: String(row["signature"]),
      key: String(row["key"]),
    };
  }
}
