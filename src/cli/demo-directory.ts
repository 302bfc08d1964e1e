// The demo's view of the access desk's world: the directory's own SQLite file, opened for reading by somebody who is neither
// Ambit nor the directory. What Ambit says of itself counts for nothing here.
import { listed, query } from "./demo-file.ts";
import type { Letter } from "./demo-scene.ts";

const tables = {
  changes: "select kind || ' ' || person || ' ' || group_id as words from changes order by id",
  notices: `select audience || ': "' || title || '", "' || body || '"' as words from notices order by id`,
  messages: "select to_addr as words from outgoing_messages order by id",
};
/** A request of the desk's inbox. */
export function readRequest(file: string, id: string): Letter {
  const row = query(file, "select id, from_addr, subject, body from requests").find((one) => one["id"] === id);
  return { from: String(row?.["from_addr"]), subject: String(row?.["subject"]), body: String(row?.["body"]) };
}

type Table = keyof typeof tables;

/** What happened in the directory since the moment this was made. */
export class Directory {
  readonly #file: string;
  readonly #before: Readonly<Record<Table, number>>;

  constructor(file: string) {
    this.#file = file;
    const count = (table: Table) => this.#rows(table).length;
    this.#before = { changes: count("changes"), notices: count("notices"), messages: count("messages") };
  }

  /** Grants and revocations in words, each one on its own: two of the same are said twice. */
  changed(): string {
    return this.#since("changes");
  }

  /** Notices with audience and full text. */
  published(): string {
    return this.#since("notices");
  }

  /** Addresses that were written to. */
  messaged(): string {
    return this.#since("messages");
  }

  /** The groups that a person is in now, whenever that began. */
  groupsOf(person: string): string {
    const rows = query(this.#file, "select person, group_id from memberships order by group_id");
    return listed(rows.filter((row) => row["person"] === person).map((row) => String(row["group_id"])));
  }

  #since(table: Table): string {
    return listed(this.#rows(table).slice(this.#before[table]));
  }

  #rows(table: Table): string[] {
    return query(this.#file, tables[table]).map((row) => String(row["words"]));
  }
}
