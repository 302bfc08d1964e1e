// Control `workflow`: what was let through, as counts and exact sums, so that bounds hold over many calls, after a restart
// and when the clock goes back. One row a call and one for each amount in it, written in the commit that gives the lease;
// rows are never deleted, and one that lies in the future counts. Covering indexes keep 10,000 calls a day cheap.
import type { JsonObject } from "../../boundary.ts";
import { personKey } from "../../controls/access/people.ts";
import type { Contract } from "../../controls/manifest/schema.ts";
import {
  findAmountFault,
  findSumFault,
  joinAmount,
  splitAmount,
  windows,
  type Figures,
  type Used,
  type Window,
} from "../../controls/policy/used.ts";

/** `argument` is empty in the row that counts the call itself. */
export const useTables = `
  create table if not exists uses (
    call_id text not null, argument text not null, server text not null, tool text not null, user text not null,
    thread text not null, turn integer not null, at integer not null, whole integer not null, millionths integer not null,
    primary key (call_id, argument)) without rowid;
  create index if not exists uses_day on uses (server, tool, argument, at, whole, millionths);
  create index if not exists uses_user on uses (server, tool, argument, user, at, whole, millionths);
  create index if not exists uses_turn on uses (thread, turn, server, tool, argument, whole, millionths);
`;

const dayMs = 86_400_000;
const nothing: Figures = { per_turn: 0, per_user: 0, per_day: 0 };
const sum = `select total(whole) as whole, total(millionths) as millionths from uses
  where call_id <> ? and server = ? and tool = ? and argument = ?`;
const queries: Readonly<Record<Window, string>> = {
  per_turn: `${sum} and thread = ? and turn = ?`,
  per_user: `${sum} and user = ? and at > ?`,
  per_day: `${sum} and at > ?`,
};

export interface UsePlace {
  readonly callId: string;
  readonly server: string;
  readonly tool: string;
  readonly user: string;
  readonly thread: string;
  readonly turn: number;
}

export class UseStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** A call got its lease. Every amount among its authority arguments is kept: a later release may put a total on it. */
  add(place: UsePlace, contract: Contract, args: JsonObject, now: number): void {
    this.#insert(place, "", now, 1);
    for (const name of contract.authority) {
      const value = Object.hasOwn(args, name) ? args[name] : undefined;
      if (typeof value !== "number" || findAmountFault(value) || findSumFault(value)) continue;
      this.#insert(place, name, now, value);
    }
  }

  /**
   * What bounds of `contract` are used up by, the call itself not counted. What has no bound is not looked up, but the counts
   * of calls when an overlay may ask for them.
   */
  used(place: UsePlace, contract: Contract | undefined, now: number, countsAll = false): Used {
    const sums = new Map<string, Figures>();
    if (!contract) return { calls: nothing, sums };
    for (const [name, total] of Object.entries(contract.total)) sums.set(name, this.#figures(place, name, total, now));
    return { calls: this.#figures(place, "", countsAll ? nothing : contract.max, now), sums };
  }

  #figures(place: UsePlace, argument: string, bounds: Readonly<Record<string, unknown>>, now: number): Figures {
    const figures: Record<Window, number> = { ...nothing };
    for (const window of windows) {
      if (bounds[window] !== undefined) figures[window] = this.#sum(place, argument, window, now);
    }
    return figures;
  }

  /** Asked again after a kill, a call that has its lease does not stand in its own way. */
  #sum(place: UsePlace, argument: string, window: Window, now: number): number {
    const { server, tool, user, thread, turn, callId } = place;
    const since = now - dayMs;
    const more = { per_turn: [thread, turn], per_user: [personKey(user), since], per_day: [since] }[window];
    const row = this.#sql.exec(queries[window], callId, server, tool, argument, ...more).one();
    return joinAmount(Number(row["whole"]), Number(row["millionths"]));
  }

  #insert(place: UsePlace, argument: string, now: number, amount: number): void {
    const { callId, server, tool, user, thread, turn } = place;
    const { whole, millionths } = splitAmount(amount);
    const row = [callId, argument, server, tool, personKey(user), thread, turn, now, whole, millionths];
    this.#sql.exec("insert or ignore into uses values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ...row);
  }
}
