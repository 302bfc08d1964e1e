// The journal of one thread: messages, steps, calls with their labelled results, and what is still to be reported to the
// Ledger. After a kill it is the only memory; whoever writes here writes a step and its audit entry in one commit.
import type { JsonObject, LabelledValue } from "../boundary.ts";
import type { EntryBody, ThreadEntry } from "../controls/audit/entry.ts";
import type { TurnAnswer } from "../controls/wire/gate.ts";
import { addUsage, readUsage, usageTable, type Usage } from "./usage.ts";

export const journalTables = `
  create table if not exists meta (key text primary key, value text not null);
  create table if not exists turns (
    turn integer primary key, text text not null, idempotency text unique, text_hash text not null, state text not null,
    reply text not null, accepted integer not null, steps integer not null, tokens integer not null, active_ms integer not null,
    walks integer not null, walked text not null);
  create index if not exists turns_open on turns (state) where state in ('running', 'queued', 'waiting');
  create table if not exists steps (turn integer not null, step integer not null, text text not null, primary key (turn, step));
  create table if not exists calls (
    call_id text primary key, turn integer not null, step integer not null, position integer not null, name text not null,
    arguments text not null, state text not null, attempt integer not null, started integer not null, woken integer not null,
    server text, tool text, bound text, result text, labels text, reason text, expires text);
  create index if not exists calls_turn on calls (turn, step, position);
  create index if not exists calls_woken on calls (turn) where state = 'held' and woken = 1;
  create table if not exists walked_by (turn integer primary key, release text not null);
  create table if not exists outbox (n integer primary key autoincrement, body text not null);
`;

export type TurnState = TurnAnswer["state"];
/** `ended` covers everything with a result for the model: ran, refused, denied, unknown. */
export type CallState = "planned" | "held" | "executing" | "ended";
/** How a call ended; `refused` also when a person denied it or did not decide. */
export type CallEnding = "done" | "failed" | "unknown" | "refused";

/** Earlier turns that a prompt is ever made of, at most. */
const maxTurnsBefore = 500;

export interface Turn {
  readonly turn: number;
  readonly text: string;
  readonly textHash: string;
  readonly state: TurnState;
  readonly reply: string;
  readonly steps: number;
  readonly tokens: number;
  readonly activeMs: number;
  /** When it was taken in, milliseconds since the epoch. */
  readonly accepted: number;
}

export interface JournalCall {
  readonly callId: string;
  readonly turn: number;
  readonly step: number;
  readonly name: string;
  /** As the model sent them, JSON text that may be anything. */
  readonly arguments: string;
  readonly state: CallState;
  readonly attempt: number;
  /** When the last attempt began, milliseconds since the epoch; 0 before the first. */
  readonly started: number;
  readonly woken: boolean;
  readonly server: string | null;
  readonly tool: string | null;
  /** The arguments that were let through, after binding. */
  readonly bound: JsonObject | null;
  readonly result: string | null;
  /** Why it is held, or how it ended. */
  readonly reason: string | null;
  readonly expires: string | null;
}

/** A call as a model answer asks for it. */
export interface PlannedCall {
  readonly callId: string;
  readonly name: string;
  readonly arguments: string;
}

export class Journal {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(journalTables + usageTable);
  }

  meta(key: string): string | undefined {
    const row = this.#sql.exec("select value from meta where key = ?", key).toArray()[0];
    return row ? String(row["value"]) : undefined;
  }

  setMeta(key: string, value: string): void {
    this.#sql.exec("insert or replace into meta values (?, ?)", key, value);
  }

  turn(turn: number): Turn | undefined {
    return this.#sql.exec("select * from turns where turn = ?", turn).toArray().map(parseTurn)[0];
  }

  turnByKey(idempotency: string): Turn | undefined {
    return this.#sql.exec("select * from turns where idempotency = ?", idempotency).toArray().map(parseTurn)[0];
  }

  queuedTurns(): number {
    return Number(this.#sql.exec("select count(*) as n from turns where state = 'queued'").one()["n"]);
  }

  /** The last turns before `turn`, oldest first, as many as fit into `maxChars` characters with all their calls. */
  turnsBefore(turn: number, maxChars: number): { turns: Turn[]; leftOut: boolean } {
    const query = `select turn, length(text) + length(reply)
      + (select coalesce(sum(length(text)), 0) from steps where steps.turn = turns.turn)
      + (select coalesce(sum(length(arguments) + coalesce(length(result), 0)), 0) from calls where calls.turn = turns.turn) as size
      from turns where turn < ? and state in ('done', 'failed', 'waiting') order by turn desc limit ${maxTurnsBefore + 1}`;
    const turns: Turn[] = [];
    let left = maxChars;
    for (const row of this.#sql.exec(query, turn)) {
      left -= Number(row["size"]);
      const before = left < 0 || turns.length === maxTurnsBefore ? undefined : this.turn(Number(row["turn"]));
      if (!before) return { turns: turns.reverse(), leftOut: true };
      turns.push(before);
    }
    return { turns: turns.reverse(), leftOut: false };
  }

  addTurn(text: string, textHash: string, idempotency: string | null, now: number): number {
    const query = `insert into turns (text, idempotency, text_hash, state, reply, accepted, steps, tokens, active_ms, walks, walked)
      values (?, ?, ?, 'queued', '', ?, 0, 0, 0, 0, '') returning turn`;
    return Number(this.#sql.exec(query, text, idempotency, textHash, now).one()["turn"]);
  }

  setTurnState(turn: number, state: TurnState, reply: string): void {
    this.#sql.exec("update turns set state = ?, reply = ? where turn = ?", state, reply, turn);
  }

  addActiveTime(turn: number, ms: number): void {
    this.#sql.exec("update turns set active_ms = active_ms + ? where turn = ?", Math.round(ms), turn);
  }

  /** The release that walks a turn: the first one that asks. */
  walkedBy(turn: number, release: string): string {
    this.#sql.exec("insert or ignore into walked_by values (?, ?)", turn, release);
    return String(this.#sql.exec("select release from walked_by where turn = ?", turn).one()["release"]);
  }

  /** A walk begins; returns how many began at this very place, this one included, and ended without getting further. */
  startWalk(turn: number): number {
    const place = `select steps || '.' || (select count(*) from calls where calls.turn = turns.turn and state in ('held', 'ended'))`;
    const query = `update turns set state = 'running', walks = case walked when (${place}) then walks + 1 else 1 end,
      walked = (${place}) where turn = ? returning walks`;
    return Number(this.#sql.exec(query, turn).one()["walks"]);
  }

  addStep(turn: number, step: number, text: string, used: Usage, calls: readonly PlannedCall[]): void {
    const { input, output } = used;
    this.#sql.exec("insert into steps values (?, ?, ?)", turn, step, text);
    this.#sql.exec("update turns set steps = ?, tokens = tokens + ? where turn = ?", step, input + output, turn);
    addUsage(this.#sql, turn, used);
    calls.forEach((call, position) => {
      const query = `insert into calls (call_id, turn, step, position, name, arguments, state, attempt, started, woken)
        values (?, ?, ?, ?, ?, ?, 'planned', 0, 0, 0)`;
      this.#sql.exec(query, call.callId, turn, step, position, call.name, call.arguments);
    });
  }

  /** What the model answers of a turn cost. */
  usage(turn: number): Usage {
    return readUsage(this.#sql, turn);
  }

  isLast(turn: number): boolean {
    return this.#sql.exec("select 1 from turns where turn > ? limit 1", turn).toArray().length === 0;
  }

  stepText(turn: number, step: number): string {
    const row = this.#sql.exec("select text from steps where turn = ? and step = ?", turn, step).toArray()[0];
    return row ? String(row["text"]) : "";
  }

  call(callId: string): JournalCall | undefined {
    return this.#calls("select * from calls where call_id = ?", callId)[0];
  }

  callsOfTurn(turn: number): JournalCall[] {
    return this.#calls("select * from calls where turn = ? order by step, position", turn);
  }

  openCalls(turn: number): JournalCall[] {
    return this.#calls("select * from calls where turn = ? and state != 'ended' order by step, position", turn);
  }

  /** Calls of which nobody knows whether they ran. */
  unknownCalls(turn: number): JournalCall[] {
    return this.#calls(
      "select * from calls where turn = ? and state = 'ended' and reason = 'unknown' order by step, position",
      turn,
    );
  }

  /** A call may be decided, and its thread woken, before the thread has written down that it is held. */
  hold(callId: string, reason: string, expires: string): void {
    const query = `update calls set woken = case state when 'held' then 0 else woken end, state = 'held', reason = ?, expires = ?
      where call_id = ?`;
    this.#sql.exec(query, reason, expires, callId);
  }

  wake(callId: string): void {
    this.#sql.exec("update calls set woken = 1 where call_id = ?", callId);
  }

  /** The turn to walk: the running one, else one that waits and has a call whose fate was decided, else the oldest. */
  nextTurn(): Turn | undefined {
    const query = `select * from turns where state in ('running', 'queued')
      or (state = 'waiting' and turn in (select turn from calls where state = 'held' and woken = 1))
      order by case state when 'running' then 0 when 'waiting' then 1 else 2 end, turn limit 1`;
    return this.#sql.exec(query).toArray().map(parseTurn)[0];
  }

  execute(
    call: Pick<JournalCall, "callId" | "attempt" | "started">,
    server: string,
    tool: string,
    bound: JsonObject,
  ): void {
    const query = `update calls set state = 'executing', attempt = ?, started = ?, server = ?, tool = ?, bound = ?
      where call_id = ?`;
    this.#sql.exec(query, call.attempt, call.started, server, tool, JSON.stringify(bound), call.callId);
  }

  /** It provably did not run: it is admitted again, under its next attempt. */
  planAgain(callId: string): void {
    this.#sql.exec("update calls set state = 'planned' where call_id = ?", callId);
  }

  end(callId: string, ending: CallEnding, result: string, labels: readonly LabelledValue[]): void {
    const query = "update calls set state = 'ended', reason = ?, result = ?, labels = ? where call_id = ?";
    this.#sql.exec(query, ending, result, JSON.stringify(labels), callId);
  }

  report(body: EntryBody): void {
    this.#sql.exec("insert into outbox (body) values (?)", JSON.stringify(body));
  }

  /** What the Ledger has not confirmed yet, oldest first. */
  unreported(): ThreadEntry[] {
    const rows = this.#sql.exec("select n, body from outbox order by n limit 500").toArray();
    return rows.map((row) => ({ n: Number(row["n"]), body: JSON.parse(String(row["body"])) as EntryBody }));
  }

  confirmReported(upTo: number): void {
    this.#sql.exec("delete from outbox where n <= ?", upTo);
  }

  #calls(query: string, ...bindings: (string | number)[]): JournalCall[] {
    return this.#sql
      .exec(query, ...bindings)
      .toArray()
      .map(parseCall);
  }
}

function parseTurn(row: Record<string, SqlStorageValue>): Turn {
  return {
    turn: Number(row["turn"]),
    text: String(row["text"]),
    textHash: String(row["text_hash"]),
    state: String(row["state"]) as TurnState,
    reply: String(row["reply"]),
    steps: Number(row["steps"]),
    tokens: Number(row["tokens"]),
    activeMs: Number(row["active_ms"]),
    accepted: Number(row["accepted"]),
  };
}

function parseCall(row: Record<string, SqlStorageValue>): JournalCall {
  const text = (key: string) => (row[key] === null ? null : String(row[key]));
  const bound = text("bound");
  return {
    callId: String(row["call_id"]),
    turn: Number(row["turn"]),
    step: Number(row["step"]),
    name: String(row["name"]),
    arguments: String(row["arguments"]),
    state: String(row["state"]) as CallState,
    attempt: Number(row["attempt"]),
    started: Number(row["started"]),
    woken: Number(row["woken"]) === 1,
    server: text("server"),
    tool: text("tool"),
    bound: bound === null ? null : (JSON.parse(bound) as JsonObject),
    result: text("result"),
    reason: text("reason"),
    expires: text("expires"),
  };
}
