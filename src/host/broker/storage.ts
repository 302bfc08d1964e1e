// Control `audit`, `review`: the broker's own database: which calls were forwarded and which audit heads were signed. A
// crash at any moment is the attacker here. Must stay true: a commit is on disk when it returns (WAL, synchronous FULL),
// one broker alone holds the file, and a file of a newer program is left untouched.
import { DatabaseSync } from "node:sqlite";
import { chainTable } from "../chain-table.ts";

export const storageVersion = 3;

/** Up to form 2 heads were remembered by another name of their chain, which cannot be continued. */
const tables = `
  CREATE TABLE IF NOT EXISTS forwarded (
    deployment TEXT NOT NULL,
    call TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sending', 'answered', 'broken', 'burnt')),
    at INTEGER NOT NULL,
    status INTEGER,
    content_type TEXT,
    hash TEXT,
    body BLOB,
    PRIMARY KEY (deployment, call)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS forwarded_by_age ON forwarded (at);
  CREATE INDEX IF NOT EXISTS bodies_by_age ON forwarded (deployment, at) WHERE body IS NOT NULL;
  DROP TABLE IF EXISTS signed_heads;
  CREATE TABLE signed_heads (
    chain TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    head TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  ${chainTable}
`;

/**
 * Opens or creates the database.
 * @throws when another broker holds it or it was written by a newer program
 */
export function openStorage(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 2000, open: false });
  try {
    database.open();
    // Exclusive: the lock names a second broker on the same folder at once, and the WAL index needs no shared memory.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    const found = Number(database.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
    if (found > storageVersion)
      throw new Error(
        `${path}: written by a newer Ambit (form ${found}, this one knows ${storageVersion}); start that one again`,
      );
    // Only then: a start writes nothing, so that a full disk does not stop a broker from coming back.
    if (found < storageVersion)
      database.exec(`BEGIN IMMEDIATE; ${tables} PRAGMA user_version = ${storageVersion}; COMMIT;`);
    return database;
  } catch (error) {
    if (database.isOpen) database.close();
    const { errcode, message } = error as { errcode?: number; message: string };
    if (errcode === undefined) throw error;
    const fix =
      errcode === 5
        ? "another broker holds it; stop that one first"
        : "restore it from a backup, or free space on its disk";
    throw new Error(`${path}: cannot be used (${message}): ${fix}`, { cause: error });
  }
}
