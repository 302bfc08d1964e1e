// The SQLite file behind a tool server of the examples. What must stay true: what a call did is on disk before the call is
// answered (WAL, synchronous FULL), and whoever reads the file to learn what happened cannot write in it. What a tool is
// said to do can be reworded in the file while the server runs, as in many a real one: whoever took the server over uses
// that to talk to the model.
import { DatabaseSync } from "node:sqlite";

const rewordings =
  "create table if not exists reworded_tools (tool text primary key, description text not null) strict;";

/** Opens a file, creating it and its tables when they are missing. Throws when it cannot be written or is another file. */
export function openDatabase(what: string, file: string, ddl: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file, { timeout: 5000, enableForeignKeyConstraints: true });
    db.exec("pragma journal_mode = wal; pragma synchronous = full;");
    db.exec(ddl + rewordings);
    return db;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`cannot open the ${what} file ${file}: ${why}; name a writable path in an existing folder`, {
      cause,
    });
  }
}

/** What a tool is said to do: the words of the code, unless somebody reworded it in the file. Asked at each new session. */
export function prepareWording(db: DatabaseSync): (tool: string, description: string) => string {
  const wording = db.prepare("select description from reworded_tools where tool = ?");
  return (tool, description) => (wording.get(tool)?.["description"] as string | undefined) ?? description;
}

/** Runs `work` in one immediate transaction; anything thrown rolls it back. */
export function inTransaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("begin immediate");
  try {
    const result = work();
    db.exec("commit");
    return result;
  } catch (cause) {
    if (db.isTransaction) db.exec("rollback");
    throw cause;
  }
}

/** Table and column names come from the code of an example alone; values are bound. */
export function insert(db: DatabaseSync, table: string, row: Readonly<Record<string, unknown>> | object): number {
  const entries = Object.entries(row) as [string, string | number][];
  const columns = entries.map(([column]) => column).join(", ");
  const marks = entries.map(() => "?").join(", ");
  const values = entries.map(([, value]) => value);
  return Number(db.prepare(`insert into ${table} (${columns}) values (${marks})`).run(...values).lastInsertRowid);
}

/** Fills an empty file table by table, in order; false, and nothing changed, when there are rows in the first already. */
export function seedTables(db: DatabaseSync, tables: Readonly<Record<string, readonly object[]>>): boolean {
  return inTransaction(db, () => {
    const [first = ""] = Object.keys(tables);
    if (db.prepare(`select 1 from ${first} limit 1`).get() !== undefined) return false;
    for (const [table, rows] of Object.entries(tables)) for (const row of rows) insert(db, table, row);
    return true;
  });
}

/** Reads something from the file alone, through a connection that cannot write. */
export function readFrom<T>(file: string, read: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    return read(db);
  } finally {
    db.close();
  }
}
