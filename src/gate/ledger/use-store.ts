// Control `workflow`: what was let through, as counts and exact sums, so that bounds hold over many calls, after a restart
// and when the clock goes back. One row a call and one for each amount in it, written in the commit that gives the lease;
// rows are never deleted, and one that lies in the future counts. Sums by minute keep 10,000 calls a day cheap.
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

/**
 * `uses` has what each leased call used up, `use_minutes` the same added up by minute: a day has 1440 of them, however many
 * calls it has. `argument` is empty where calls are counted, `user` is empty where everybody's are.
 */
export const useTables = `
  create table if not exists uses (
    call_id text not null, argument text not null, server text not null, tool text not null, thread text not null,
    turn integer not null, at integer not null, whole integer not null, millionths integer not null,
    primary key (call_id, argument)) without rowid;
  create index if not exists uses_turn on uses (thread, turn, server, tool, argument, whole, millionths);
  create table if not exists use_minutes (
    server text not null, tool text not null, argument text not null, user text not null, minute integer not null,
    whole integer not null, millionths integer not null,
    primary key (server, tool, argument, user, minute)) without rowid;
`;

const minuteMs = 60_000;
const dayMs = 86_400_000;
const nothing: Figures = { per_turn: 0, per_user: 0, per_day: 0 };
const added = "select total(whole) as whole, total(millionths) as millionths";
const turnQuery = `${added} from uses where call_id <> ? and thread = ? and turn = ? and server = ? and tool = ? and argument = ?`;
const dayQuery = `${added} from use_minutes where server = ? and tool = ? and argument = ? and user = ? and minute >= ?`;
const keepQuery = "insert or ignore into uses values (?, ?, ?, ?, ?, ?, ?, ?, ?) returning call_id";
const addQuery = `insert into use_minutes values (?, ?, ?, ?, ?, ?, ?)
  on conflict do update set whole = whole + excluded.whole, millionths = millionths + excluded.millionths`;

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
    if (window === "per_turn") {
      const row = this.#sql.exec(turnQuery, callId, thread, turn, server, tool, argument).one();
      return joinAmount(Number(row["whole"]), Number(row["millionths"]));
    }
    // The minute in which a day ago lies counts as a whole: up to a minute more than a day, never less.
    const first = minuteOf(now - dayMs);
    const whose = window === "per_user" ? keyOf(user) : "";
    const row = this.#sql.exec(dayQuery, server, tool, argument, whose, first).one();
    const own = this.#own(callId, argument, first);
    return joinAmount(Number(row["whole"]) - own.whole, Number(row["millionths"]) - own.millionths);
  }

  #own(callId: string, argument: string, first: number): { whole: number; millionths: number } {
    const query = "select at, whole, millionths from uses where call_id = ? and argument = ?";
    const row = this.#sql.exec(query, callId, argument).toArray()[0];
    const isIn = row !== undefined && minuteOf(Number(row["at"])) >= first;
    return isIn ? { whole: Number(row["whole"]), millionths: Number(row["millionths"]) } : { whole: 0, millionths: 0 };
  }

  #insert(place: UsePlace, argument: string, now: number, amount: number): void {
    const { callId, server, tool, user, thread, turn } = place;
    const { whole, millionths } = splitAmount(amount);
    const kept = this.#sql
      .exec(keepQuery, callId, argument, server, tool, thread, turn, now, whole, millionths)
      .toArray();
    if (kept.length === 0) return;
    for (const whose of ["", keyOf(user)]) {
      this.#sql.exec(addQuery, server, tool, argument, whose, minuteOf(now), whole, millionths);
    }
  }
}

/** Never the empty text of everybody, whatever the name. */
function keyOf(user: string): string {
  return `=${personKey(user)}`;
}

function minuteOf(at: number): number {
  return Math.floor(at / minuteMs);
}
