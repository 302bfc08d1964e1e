// Control `review`: who decided what about which call. Rows are added and never changed: one approval and one denial of one
// person at most, whatever the spelling of the name.
import type { Vote } from "../../controls/approvals/vote.ts";
import { personKey } from "../../controls/access/people.ts";

export const voteTables = `
  create table if not exists votes (
    call_id text not null, person text not null, decision text not null, by text not null, note text not null,
    at integer not null, primary key (call_id, person, decision));
`;

export interface VoteRow extends Vote {
  readonly note: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export class VoteStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(callId: string, { by, decision, note, at }: VoteRow): void {
    this.#sql.exec("insert into votes values (?, ?, ?, ?, ?, ?)", callId, personKey(by), decision, by, note, at);
  }

  /** In the order in which they came. */
  of(callId: string): VoteRow[] {
    const rows = this.#sql.exec("select * from votes where call_id = ? order by rowid", callId).toArray();
    return rows.map((row) => ({
      by: String(row["by"]),
      decision: row["decision"] === "approve" ? "approve" : "deny",
      note: String(row["note"]),
      at: Number(row["at"]),
    }));
  }
}
