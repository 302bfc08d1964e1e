// Control `rate-limits`: one number per limited key, on disk. A restart gives nobody a burst back. The table has a cap;
// whoever mints users to fill it must not push out a row that limits somebody: rows that carry nothing any more go
// first, then those that limit nobody; while all limit somebody there is no room. Rows of shared limits are few and never go.
import { sha256Hex } from "../../controls/audit/digest.ts";
import type { Layer } from "../../controls/limits/layers.ts";

/** `passes`: from then on one more may come, microseconds since the epoch; numbers of different rates compare by this alone. */
export const rateTables = `
  create table if not exists rates (
    key text primary key, tat integer not null, shared integer not null, passes integer not null);
  create index if not exists rates_tat on rates (tat) where shared = 0;
  create index if not exists rates_passes on rates (passes) where shared = 0;
`;

const maxRows = 100_000;
/** Rows that are dropped in one go when they carry nothing. */
const batch = 1000;

export class RateStore {
  readonly #sql: SqlStorage;
  readonly #maxRows: number;
  /** Rows in the table; unknown after a transaction that was rolled back. */
  #count: number | undefined;

  constructor(sql: SqlStorage, most: number = maxRows) {
    this.#sql = sql;
    this.#maxRows = most;
    sql.exec(rateTables);
  }

  /** What is stored for a layer, microseconds since the epoch. */
  tat({ key }: Layer): number | undefined {
    const row = this.#sql.exec("select tat from rates where key = ?", shortKey(key)).toArray()[0];
    return row ? Number(row["tat"]) : undefined;
  }

  /** In how long there is room for a row of this layer, milliseconds; 0 when there is room now. */
  roomAfterMs({ key, name }: Layer, now: number): number {
    if (name !== "user" || this.count() < this.#maxRows || this.#has(shortKey(key))) return 0;
    const row = this.#sql.exec("select min(passes) as passes from rates where shared = 0").one();
    return Math.max(0, Math.ceil(Number(row["passes"]) / 1000) - now);
  }

  keep({ key, name, rate }: Layer, tat: number, now: number): void {
    const short = shortKey(key);
    const isShared = name !== "user";
    const isNew = !this.#has(short);
    if (isNew && !isShared) this.#makeRoom(now);
    const query = `insert into rates values (?, ?, ?, ?)
      on conflict (key) do update set tat = excluded.tat, passes = excluded.passes`;
    this.#sql.exec(query, short, tat, isShared ? 1 : 0, tat - rate.intervalUs * (rate.burst - 1));
    if (isNew) this.#count = this.count() + 1;
  }

  count(): number {
    this.#count ??= Number(this.#sql.exec("select count(*) as n from rates").one()["n"]);
    return this.#count;
  }

  /** Forgets what was counted, after a transaction was rolled back. */
  forget(): void {
    this.#count = undefined;
  }

  #makeRoom(now: number): void {
    if (this.count() < this.#maxRows) return;
    const idle = `select key from rates where shared = 0 and tat <= ? order by tat limit ${batch}`;
    if (this.#drop(idle, now * 1000) > 0) return;
    this.#drop("select key from rates where shared = 0 and passes <= ? order by passes limit 1", now * 1000);
  }

  #has(short: string): boolean {
    return this.#sql.exec("select 1 from rates where key = ?", short).toArray().length > 0;
  }

  #drop(which: string, binding: number): number {
    const gone = this.#sql.exec(`delete from rates where key in (${which}) returning key`, binding).toArray().length;
    this.#count = this.count() - gone;
    return gone;
  }
}

/** However long a user's name is, a row is short. */
function shortKey(key: string): string {
  return sha256Hex(key).slice(0, 32);
}
