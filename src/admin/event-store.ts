// Control `audit`: the index of events: entries of all chains in the order in which they came here, and for each chain how far
// it was followed. Entries and cursor are one commit, so that a kill leaves no gap and nothing twice. It is no truth: a file
// that is missing, broken or of another version is made anew and filled from the chains. Somebody who floods one chain pushes out entries
// of that chain alone: each keeps its own last ones, as many as fit into so many bytes.
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, openSync, rmSync } from "node:fs";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { z } from "zod";
import type { Standing, Writer } from "../controls/audit/chain.ts";
import { beginning, type FollowFault, type Followed, type Headed } from "../controls/audit/follow.ts";
import { writers } from "../controls/audit/chain.ts";
import { idOf, userOf, type EventFilter, type EventView } from "./event-view.ts";

/** Entries that are kept of one chain: the last ones. */
export const keptEntries = 50_000;
/** Bytes that are kept of one chain: a gate that was taken over writes entries as large as it likes. */
export const keptBytes = 67_108_864;
/** Chains of gates that are gone: more, and the oldest are forgotten. */
const keptEnded = 100;
const version = 2;

const tables = `
  create table if not exists meta (key text primary key, value text not null) strict;
  create table if not exists chains (
    id integer primary key, deployment text not null, writer text not null, life integer not null,
    sequence integer not null, head text not null, bytes integer not null, fault text, ended integer not null, length integer,
    unique (deployment, writer, life)
  ) strict;
  create table if not exists events (
    n integer primary key autoincrement, chain integer not null, seq integer not null, at text not null,
    kind text not null, user text not null, bytes integer not null, entry text not null, head text not null
  ) strict;
  create unique index if not exists events_by_chain on events (chain, seq);
  create index if not exists events_by_kind on events (kind, n);
  create index if not exists events_by_user on events (user, n);
`;

const chainRow = z.object({
  id: z.int(),
  deployment: z.string(),
  writer: z.enum(writers),
  life: z.int(),
  sequence: z.int(),
  head: z.string(),
  bytes: z.int(),
  fault: z.string().nullable(),
  ended: z.int(),
  length: z.int().nullable(),
});

/** A chain as far as it was followed. */
export interface Chain {
  readonly id: number;
  readonly deployment: string;
  readonly writer: Writer;
  readonly life: number;
  readonly standing: Standing;
  /** Of all its entries so far, whether or not they are kept. */
  readonly bytes: number;
  readonly fault: FollowFault | null;
  /** A gate's chain that goes on no further, because its deployment was removed. */
  readonly isEnded: boolean;
  /** Of one that ended, as the broker told: its length. */
  readonly length: number | null;
}

/** A page of events; `n` is the place of the last one. */
export interface Events {
  readonly events: EventView[];
  readonly last: number;
}

/** Opens the index; what cannot be used is thrown away. */
export function openEvents(path: string): EventStore {
  try {
    return new EventStore(openFile(path));
  } catch {
    for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
    return new EventStore(openFile(path));
  }
}

function openFile(path: string): DatabaseSync {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new DatabaseSync(path, { timeout: 2000 });
  try {
    // What a power cut takes away is followed again.
    db.exec("pragma journal_mode = wal; pragma synchronous = normal;");
    const found = Number(db.prepare("pragma user_version").get()?.["user_version"] ?? 0);
    if (found !== 0 && found !== version) throw new Error(`schema ${found}`);
    db.exec(`begin; ${tables} pragma user_version = ${version}; commit;`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

export class EventStore {
  readonly #db: DatabaseSync;
  /** Of this file: ids of an earlier one are not taken for this one's. */
  readonly epoch: string;

  constructor(db: DatabaseSync) {
    this.#db = db;
    const fresh = randomBytes(4).toString("hex");
    db.prepare("insert or ignore into meta (key, value) values ('epoch', ?)").run(fresh);
    this.epoch = String(db.prepare("select value from meta where key = 'epoch'").get()?.["value"]);
  }

  chains(): Chain[] {
    return this.#db.prepare("select * from chains order by deployment, writer, life").all().map(parseChain);
  }

  /** The chain that goes on under this name, as far as it was followed. */
  current(deployment: string, writer: Writer): Chain {
    const query = "select * from chains where deployment = ? and writer = ? order by life desc limit 1";
    const row = this.#db.prepare(query).get(deployment, writer);
    const found = row === undefined ? undefined : parseChain(row);
    if (found !== undefined && !found.isEnded) return found;
    const { sequence, head } = beginning(deployment, writer);
    this.#db
      .prepare(
        "insert into chains (deployment, writer, life, sequence, head, bytes, ended) values (?, ?, ?, ?, ?, 0, 0)",
      )
      .run(deployment, writer, (found?.life ?? 0) + 1, sequence, head);
    return this.current(deployment, writer);
  }

  /** Takes what followed, in one commit with where the chain stands now. */
  take(chain: Chain, { taken, standing, fault }: Followed): void {
    this.#together(() => {
      const insert = this.#db.prepare(
        "insert into events (chain, seq, at, kind, user, bytes, entry, head) values (?, ?, ?, ?, ?, ?, ?, ?)",
      );
      let { bytes } = chain;
      for (const { entry, head } of taken) {
        const text = JSON.stringify(entry);
        insert.run(chain.id, entry.seq, entry.at, entry.event, userOf(entry), bytes, text, head);
        bytes += Buffer.byteLength(text);
        this.#heed(chain, entry);
      }
      this.#db
        .prepare("update chains set sequence = ?, head = ?, bytes = ?, fault = ? where id = ?")
        .run(standing.sequence, standing.head, bytes, fault === undefined ? null : JSON.stringify(fault), chain.id);
      this.#db
        .prepare("delete from events where chain = ? and seq <= ?")
        .run(chain.id, standing.sequence - keptEntries);
      // `bytes` grows along a chain: before the first entry that still fits all go. The last one always stays.
      this.#db
        .prepare(
          `delete from events where chain = ? and seq < coalesce(
           (select seq from events where chain = ? and bytes >= ? order by seq limit 1), ?)`,
        )
        .run(chain.id, chain.id, bytes - keptBytes, standing.sequence);
    });
  }

  /** Place of the newest event. */
  last(): number {
    return Number(this.#db.prepare("select max(n) as n from events").get()?.["n"] ?? 0);
  }

  /** Events before a place, newest first. */
  before(filter: EventFilter, place: number, limit: number): Events {
    return this.#read(filter, "n < ?", "desc", place, limit);
  }

  /** Events after a place, oldest first. */
  after(filter: EventFilter, place: number, limit: number): Events {
    return this.#read(filter, "n > ?", "asc", place, limit);
  }

  close(): void {
    this.#db.close();
  }

  #read(filter: EventFilter, where: string, order: "asc" | "desc", place: number, limit: number): Events {
    const { deployment, chain, kind, user, since } = filter;
    const tests: [string, SQLInputValue | undefined][] = [
      [where, place],
      ["chain in (select id from chains where deployment = ?)", deployment],
      ["chain in (select id from chains where writer = ?)", chain],
      ["kind = ?", kind],
      ["user = ?", user],
      ["at >= ?", since === undefined ? undefined : new Date(since).toISOString()],
    ];
    const asked = tests.filter((one): one is [string, SQLInputValue] => one[1] !== undefined);
    const rows = this.#db
      .prepare(
        `select n, entry, events.head, deployment, writer, life from
         (select * from events where ${asked.map(([text]) => text).join(" and ")} order by n ${order} limit ?) as events
         join chains on chains.id = events.chain order by n ${order}`,
      )
      .all(...asked.map(([, value]) => value), limit);
    const events = rows.map((row) => ({
      id: idOf(Number(row["n"]), this.epoch),
      deployment: String(row["deployment"]),
      chain: String(row["writer"]) as Writer,
      life: Number(row["life"]),
      entry: JSON.parse(String(row["entry"])) as EventView["entry"],
      head: String(row["head"]),
    }));
    return { events, last: Number(rows.at(-1)?.["n"] ?? place) };
  }

  /** A gate's chain ends with its deployment; how long it was, the broker says. */
  #heed({ deployment, writer }: Chain, { event, detail }: Headed["entry"]): void {
    if (writer === "admin" && event === "removed") {
      // Also of one that was never read: the next one of its name has another number.
      const { id } = this.current(deployment, "gate");
      this.#db.prepare("update chains set ended = 1 where id = ?").run(id);
      this.#forgetOld();
    }
    const length = (detail["gate"] as { sequence?: unknown } | undefined)?.sequence;
    if (writer !== "broker" || event !== "deployment_forgotten" || typeof length !== "number") return;
    this.#db
      .prepare(
        `update chains set length = ? where id = (select min(id) from chains
         where deployment = ? and writer = 'gate' and ended = 1 and length is null)`,
      )
      .run(length, deployment);
  }

  #forgetOld(): void {
    const old = "select id from chains where ended = 1 order by id desc limit -1 offset ?";
    this.#db.prepare(`delete from events where chain in (${old})`).run(keptEnded);
    this.#db.prepare(`delete from chains where id in (${old})`).run(keptEnded);
  }

  #together(work: () => void): void {
    this.#db.exec("begin immediate");
    try {
      work();
      this.#db.exec("commit");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("rollback");
      throw error;
    }
  }
}

function parseChain(row: unknown): Chain {
  const { sequence, head, fault, ended, ...rest } = chainRow.parse(row);
  const parsed = fault === null ? null : (JSON.parse(fault) as FollowFault);
  return { ...rest, standing: { sequence, head }, fault: parsed, isEnded: ended === 1 };
}
