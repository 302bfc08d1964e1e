// Control `allowlists`: the ids of signed messages. Whoever caught one sends it again, or its sender gives an id to two
// bodies; the same id is the same message, and an id stands for one body, whatever user or conversation a second one names.
// Kept much longer than a signature is true; when too many are that young, further messages are refused, none is forgotten.
import type { Refusal } from "../../boundary.ts";
import { webhookToleranceMs } from "../../controls/access/webhook.ts";
import { sha256Hex } from "../../controls/audit/digest.ts";

const tables = `
  create table if not exists signed_ids (n integer primary key autoincrement, id text not null unique, body text not null, at integer not null);
  create index if not exists signed_ids_at on signed_ids (at);
`;

export const mostSignedIds = 100_000;
const keptMs = 86_400_000;
/** Younger ones are never forgotten: twice the tolerance, for a time that was ahead, and as much again for clocks. */
const youngMs = 4 * webhookToleranceMs;

/** What the Ledger is told of a message; both null of one that was not signed. */
export interface SignedId {
  readonly channel: string;
  readonly idempotency: string | null;
  readonly bodyHash: string | null;
}

const reused: Refusal = {
  control: "schemas",
  reason: "idempotency_key_reused",
  field: "webhook-id",
  message: "this id was used for another body; an id stands for one message",
};
const tooMany: Refusal = {
  control: "rate-limits",
  reason: "too_many_messages",
  message: `${mostSignedIds} signed messages came within minutes; try again later`,
};

export class SignedIds {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    sql.exec(tables);
    this.#sql = sql;
  }

  /** Why this message may not come in under its id, if it may not. */
  refuse({ channel, idempotency, bodyHash }: SignedId, now: number): Refusal | undefined {
    if (idempotency === null || bodyHash === null) return undefined;
    const body = this.#sql.exec("select body from signed_ids where id = ?", keyOf(channel, idempotency)).toArray()[0];
    if (body) return body["body"] === bodyHash ? undefined : reused;
    this.#sql.exec("delete from signed_ids where at < ?", now - keptMs);
    if (this.#count() < mostSignedIds) return undefined;
    const oldest = "select n from signed_ids where at < ? order by n limit ?";
    this.#sql.exec(`delete from signed_ids where n in (${oldest})`, now - youngMs, mostSignedIds / 100);
    return this.#count() < mostSignedIds ? undefined : tooMany;
  }

  /** Remembers the id of a message that was let in. */
  note({ channel, idempotency, bodyHash }: SignedId, now: number): void {
    if (idempotency === null || bodyHash === null) return;
    const insert = "insert or ignore into signed_ids (id, body, at) values (?, ?, ?)";
    this.#sql.exec(insert, keyOf(channel, idempotency), bodyHash, now);
  }

  #count(): number {
    return Number(this.#sql.exec("select count(*) as n from signed_ids").one()["n"]);
  }
}

function keyOf(channel: string, id: string): string {
  return sha256Hex(`${channel}\n${id}`);
}
