// Control `review`: every call of this deployment with the one state it is in. The state machine decides; this file
// only keeps rows.
import type { Action } from "../../boundary.ts";
import type { Waiting } from "../../controls/approvals/hold.ts";
import { decideTransition, type ApprovalEvent } from "../../controls/approvals/machine.ts";
import type { ApprovalState, ApprovalView } from "../../controls/wire/gate.ts";

export const callTables = `
  create table if not exists calls (
    call_id text primary key, thread text not null, turn integer not null, user text not null, action text not null,
    action_hash text not null, effect text not null, impact text not null, reason text not null, state text not null,
    created integer not null, expires integer not null, lease text, leased_at integer, by text, note text);
  create index if not exists calls_state on calls (state, expires);
  create index if not exists calls_listed on calls (state, created);
  create index if not exists calls_held on calls (lower(user)) where state = 'held';
  create table if not exists wakes (call_id text primary key, due integer not null, attempts integer not null);
`;

/** Arguments that one list of calls holds together, characters of JSON. */
const maxListedChars = 1_000_000;

export interface CallRow {
  readonly callId: string;
  readonly thread: string;
  readonly turn: number;
  readonly user: string;
  readonly action: Action;
  readonly actionHash: string;
  readonly effect: string;
  readonly impact: string;
  readonly reason: string;
  readonly state: ApprovalState;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly expires: number;
  readonly lease: string | null;
  readonly by: string | null;
  readonly note: string | null;
}

export class CallStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(callId: string): CallRow | undefined {
    return this.#rows("select * from calls where call_id = ?", callId)[0];
  }

  /** Calls in `state`, oldest first, as many as fit into one answer: each comes with all its arguments. */
  inState(state: ApprovalState): CallRow[] {
    const found: CallRow[] = [];
    let chars = 0;
    for (const row of this.#sql.exec("select * from calls where state = ? order by created limit 1000", state)) {
      chars += String(row["action"]).length;
      if (found.length > 0 && chars > maxListedChars) break;
      found.push(parseRow(row));
    }
    return found;
  }

  /** Calls that still wait for a decision or for their thread. */
  waiting(limit: number): CallRow[] {
    return this.#rows("select * from calls where state in ('held', 'approved') limit ?", limit);
  }

  /** Held or approved calls whose time is over at `now`. */
  overdue(now: number, limit: number): CallRow[] {
    return this.#rows("select * from calls where state in ('held', 'approved') and expires <= ? limit ?", now, limit);
  }

  insert(row: CallRow): void {
    this.#sql.exec(
      "insert into calls values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...[
        row.callId,
        row.thread,
        row.turn,
        row.user,
        JSON.stringify(row.action),
        row.actionHash,
        row.effect,
        row.impact,
      ],
      ...[row.reason, row.state, row.created, row.expires, row.lease, row.lease ? row.created : null, row.by, row.note],
    );
  }

  /** Moves a call along the state machine; throws when the machine has no such step (callers decide first). */
  move(row: CallRow, event: ApprovalEvent, who: { by: string; note: string } | null = null): ApprovalState {
    const next = decideTransition(row.state, event);
    if (typeof next !== "string") throw new Error(next.message);
    this.#sql.exec(
      "update calls set state = ?, by = coalesce(?, by), note = coalesce(?, note) where call_id = ? and state = ?",
      ...[next, who?.by ?? null, who?.note ?? null, row.callId, row.state],
    );
    return next;
  }

  lease(callId: string, lease: string, now: number): void {
    this.#sql.exec("update calls set lease = ?, leased_at = ? where call_id = ?", lease, now, callId);
  }

  /** How many calls wait for a person: of one user, in whatever case of A to Z, and of one turn. */
  heldOf(user: string, thread: string, turn: number): Waiting {
    const ofTurn = "sum(thread = ? and turn = ?)";
    const query = `select count(*) as n, ${ofTurn} as here from calls where lower(user) = lower(?) and state = 'held'`;
    const row = this.#sql.exec(query, thread, turn, user).one();
    return { ofUser: Number(row["n"]), ofTurn: Number(row["here"]) };
  }

  count(state: ApprovalState): number {
    return Number(this.#sql.exec("select count(*) as n from calls where state = ?", state).one()["n"]);
  }

  /** Earliest moment at which a held or approved call runs out. */
  nextExpiry(): number | undefined {
    const row = this.#sql.exec("select min(expires) as at from calls where state in ('held', 'approved')").one();
    return row["at"] === null ? undefined : Number(row["at"]);
  }

  addWake(callId: string, due: number): void {
    this.#sql.exec("insert or ignore into wakes values (?, ?, 0)", callId, due);
  }

  /** A few at a time: each starts a walk, and a thousand calls that end in one moment must not start a thousand. */
  dueWakes(now: number): { callId: string; attempts: number }[] {
    const rows = this.#sql
      .exec("select call_id, attempts from wakes where due <= ? order by due limit 10", now)
      .toArray();
    return rows.map((row) => ({ callId: String(row["call_id"]), attempts: Number(row["attempts"]) }));
  }

  retryWake(callId: string, due: number): void {
    this.#sql.exec("update wakes set due = ?, attempts = attempts + 1 where call_id = ?", due, callId);
  }

  dropWake(callId: string): void {
    this.#sql.exec("delete from wakes where call_id = ?", callId);
  }

  nextWake(): number | undefined {
    const row = this.#sql.exec("select min(due) as at from wakes").one();
    return row["at"] === null ? undefined : Number(row["at"]);
  }

  #rows(query: string, ...bindings: (string | number)[]): CallRow[] {
    return this.#sql
      .exec(query, ...bindings)
      .toArray()
      .map(parseRow);
  }
}

function parseRow(row: Record<string, SqlStorageValue>): CallRow {
  const text = (key: string) => (row[key] === null ? null : String(row[key]));
  return {
    callId: String(row["call_id"]),
    thread: String(row["thread"]),
    turn: Number(row["turn"]),
    user: String(row["user"]),
    action: JSON.parse(String(row["action"])) as Action,
    actionHash: String(row["action_hash"]),
    effect: String(row["effect"]),
    impact: String(row["impact"]),
    reason: String(row["reason"]),
    state: String(row["state"]) as ApprovalState,
    created: Number(row["created"]),
    expires: Number(row["expires"]),
    lease: text("lease"),
    by: text("by"),
    note: text("note"),
  };
}

/** What an approver sees of a call, but for the votes. */
export function viewCall(row: CallRow): Omit<ApprovalView, "role" | "needed" | "approvals"> {
  return {
    callId: row.callId,
    state: row.state,
    thread: row.thread,
    turn: row.turn,
    user: row.user,
    server: row.action.server,
    tool: row.action.tool,
    arguments: row.action.arguments,
    effect: row.effect,
    impact: row.impact,
    reason: row.reason,
    actionHash: row.actionHash,
    created: new Date(row.created).toISOString(),
    expires: new Date(row.expires).toISOString(),
    by: row.by,
    note: row.note,
  };
}
