// Reading the SQLite file of something that the demo's agents work on, through a connection that cannot write.
import { DatabaseSync } from "node:sqlite";

export function query(file: string, sql: string): Record<string, unknown>[] {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}

/** Each thing on its own: two of the same are said twice. */
export function listed(items: readonly string[]): string {
  return items.length === 0 ? "nothing" : items.join(" and ");
}
