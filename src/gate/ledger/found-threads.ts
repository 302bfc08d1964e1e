// Room 1, OpenAI face: which conversation a caller goes on with who has no name for it, only its last exchange. A look-up
// and nothing else: what is found is always a conversation of this very user, so whoever invents a history finds one of
// their own or none. A message that went on with one is found again by its key: by then the exchange is another one.
// Bounded, for each user and for all: whoever fills it loses their own rows first.
import { sha256Hex } from "../../controls/audit/digest.ts";

export const foundTables = `
  create table if not exists found_threads (
    n integer primary key autoincrement, id text not null unique, user text not null, thread text not null, kind text not null);
  create index if not exists found_threads_user on found_threads (user, n);
  create index if not exists found_threads_thread on found_threads (user, thread) where kind = 'exchange';
`;

/** Rows of one user, and of all. */
const mostFoundOfUser = 1000;
const mostFound = 100_000;

/** What was asked and what was answered, as the caller shows or was shown it. */
export interface Exchange {
  readonly asked: string;
  readonly answered: string;
}

export interface ThreadAsked {
  readonly user: string;
  readonly idempotency: string | null;
  readonly exchange: Exchange | null;
}

export interface ThreadNoted {
  readonly user: string;
  readonly thread: string;
  readonly by: { readonly exchange: Exchange } | { readonly idempotency: string };
}

export class FoundThreads {
  readonly #sql: SqlStorage;
  readonly #most: { readonly ofUser: number; readonly all: number };

  constructor(sql: SqlStorage, most = { ofUser: mostFoundOfUser, all: mostFound }) {
    sql.exec(foundTables);
    this.#sql = sql;
    this.#most = most;
  }

  find({ user, idempotency, exchange }: ThreadAsked): string | null {
    const byKey = idempotency === null ? undefined : this.#threadOf(keyId(user, idempotency));
    return byKey ?? (exchange && this.#threadOf(exchangeId(user, exchange))) ?? null;
  }

  /** A conversation has one last exchange; of two that end alike the later one is found. */
  note({ user, thread, by }: ThreadNoted): void {
    const who = sha256Hex(user);
    const isExchange = "exchange" in by;
    const id = isExchange ? exchangeId(user, by.exchange) : keyId(user, by.idempotency);
    if (isExchange) {
      const before = "delete from found_threads where user = ? and thread = ? and kind = 'exchange'";
      this.#sql.exec(before, who, thread);
    }
    const kind = isExchange ? "exchange" : "key";
    const add = "insert or replace into found_threads (id, user, thread, kind) values (?, ?, ?, ?) returning n";
    const { n } = this.#sql.exec(add, id, who, thread, kind).one();
    const own = "select n from found_threads where user = ? order by n desc limit 1 offset ?";
    this.#sql.exec(`delete from found_threads where user = ? and n <= (${own})`, who, who, this.#most.ofUser);
    this.#sql.exec("delete from found_threads where n <= ?", Number(n) - this.#most.all);
  }

  #threadOf(id: string): string | undefined {
    const row = this.#sql.exec("select thread from found_threads where id = ?", id).toArray()[0];
    return row && String(row["thread"]);
  }
}

/** Clients trim what they show. */
function exchangeId(user: string, { asked, answered }: Exchange): string {
  return sha256Hex(JSON.stringify(["exchange", user, asked.trim(), answered.trim()]));
}

function keyId(user: string, idempotency: string): string {
  return sha256Hex(JSON.stringify(["key", user, idempotency]));
}
