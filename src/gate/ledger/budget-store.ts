// Control `rate-limits`: what each day has cost, on disk. A reservation is part of the day's cost from the commit that
// makes it, so a gate that is killed before it knows the real cost has paid the upper bound. Settling puts the real cost
// in its place, once: the row is gone then.
import type { Amount } from "../../controls/limits/budget.ts";

export const budgetTables = `
  create table if not exists budget_days (day integer primary key, tokens integer not null, micro_usd integer not null);
  create table if not exists reservations (
    id text primary key, thread text not null, day integer not null, at integer not null, tokens integer not null,
    micro_usd integer not null);
`;

const keptDays = 400;

export interface Reservation extends Amount {
  readonly id: string;
  readonly thread: string;
  readonly day: number;
}

export class BudgetStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(budgetTables);
  }

  /** The last day that cost anything, 0 before the first. */
  lastDay(): number {
    return Number(this.#sql.exec("select coalesce(max(day), 0) as day from budget_days").one()["day"]);
  }

  used(day: number): Amount {
    return sumOf(this.#sql.exec("select tokens, micro_usd from budget_days where day = ?", day).toArray());
  }

  /** The part of a day's cost that was reserved since `since` and is not settled. */
  open(day: number, since: number): Amount {
    const query = "select tokens, micro_usd from reservations where day = ? and at >= ?";
    return sumOf(this.#sql.exec(query, day, since).toArray());
  }

  reserve({ id, thread, day, tokens, microUsd }: Reservation, now: number): void {
    if (this.lastDay() < day) this.#begin(day);
    this.#sql.exec("insert into reservations values (?, ?, ?, ?, ?, ?)", id, thread, day, now, tokens, microUsd);
    this.#add(day, tokens, microUsd);
  }

  /** Puts the real cost in the place of a reservation; returns it, or undefined when it was settled before. */
  settle(id: string, thread: string, real: Amount): Reservation | undefined {
    const query = "delete from reservations where id = ? and thread = ? returning day, tokens, micro_usd";
    const row = this.#sql.exec(query, id, thread).toArray()[0];
    if (!row) return undefined;
    const day = Number(row["day"]);
    const { tokens, microUsd } = sumOf([row]);
    this.#add(day, real.tokens - tokens, real.microUsd - microUsd);
    return { id, thread, day, tokens, microUsd };
  }

  #begin(day: number): void {
    this.#sql.exec("insert into budget_days values (?, 0, 0)", day);
    this.#sql.exec("delete from budget_days where day < ?", day - keptDays);
    this.#sql.exec("delete from reservations where day < ?", day - 1);
  }

  #add(day: number, tokens: number, microUsd: number): void {
    const query = "update budget_days set tokens = tokens + ?, micro_usd = micro_usd + ? where day = ?";
    this.#sql.exec(query, tokens, microUsd, day);
  }
}

function sumOf(rows: readonly Record<string, SqlStorageValue>[]): Amount {
  const sum = (column: string) => rows.reduce((total, row) => total + Number(row[column]), 0);
  return { tokens: sum("tokens"), microUsd: sum("micro_usd") };
}
