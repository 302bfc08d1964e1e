// Control `allowlists`: strangers are told once a day that nobody listens here, and the audit says so once a day. An attacker
// mints senders to fill the disk or the chain, or to have an assistant talk to whoever it is pointed at: the table is
// bounded, names are kept as digests, and once it is full of senders of the last day further ones are refused in silence.
import { personKey } from "../../controls/access/people.ts";
import { sha256Hex } from "../../controls/audit/digest.ts";
import { printable } from "../../controls/manifest/printable.ts";
import type { ChainStore } from "./chain-store.ts";

export const refusedSenderTables = `
  create table if not exists refused_senders (key text primary key, at integer not null);
  create index if not exists refused_senders_at on refused_senders (at);
`;

export const mostRefusedSenders = 10_000;
const dayMs = 86_400_000;

export interface RefusedSender {
  readonly channel: string;
  readonly user: string;
  /** Why, such as `sender_not_listed`. */
  readonly reason: string;
}

export class RefusedSenders {
  readonly #sql: SqlStorage;
  readonly #chain: ChainStore;

  constructor(sql: SqlStorage, chain: ChainStore) {
    this.#sql = sql;
    this.#chain = chain;
  }

  /** Whether this is the first refusal of this sender in 24 hours; only that one is recorded and may be answered. */
  note({ channel, user, reason }: RefusedSender, now: number): boolean {
    const key = sha256Hex(JSON.stringify([channel, reason, personKey(user)]));
    const isKnown = "select 1 from refused_senders where key = ? and at > ? and at <= ?";
    if (this.#sql.exec(isKnown, key, now - dayMs, now).toArray().length > 0) return false;
    // Rows of the future are of a clock that was wrong.
    this.#sql.exec("delete from refused_senders where at <= ? or at > ?", now - dayMs, now);
    const count = Number(this.#sql.exec("select count(*) as n from refused_senders").one()["n"]);
    if (count >= mostRefusedSenders) return false;
    this.#sql.exec("insert into refused_senders values (?, ?)", key, now);
    const isLast = count + 1 === mostRefusedSenders;
    const detail = { channel, reason, user: printable(user, 254), ...(isLast ? { moreAreNotRecorded: true } : {}) };
    this.#chain.append({ v: 1, at: new Date(now).toISOString(), event: "sender_refused", detail });
    return true;
  }
}
