// Controls `admin-access`, `data`: admin's own database. It holds no key and no truth: digests of tokens, answers kept for a
// day under keys of their callers, and what can be read from the supervisor again. Losing it signs everybody out.
import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** Written into the file; a newer one is not opened. */
const version = 1;

const tables = `
  create table if not exists tokens (
    id text primary key, digest text not null, by text not null, role text not null,
    created integer not null, expires integer not null
  ) strict;
  create table if not exists answers (
    token text not null, key text not null, request text not null, salt blob not null, kept blob, at integer not null,
    primary key (token, key)
  ) strict, without rowid;
  create index if not exists answers_by_time on answers (at);
`;

/** Opens `admin.sqlite`, or says what is wrong with it. */
export function openStore(path: string): DatabaseSync {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  const db = new DatabaseSync(path, { timeout: 2000 });
  try {
    db.exec("pragma journal_mode = wal; pragma synchronous = full;");
    const found = Number(db.prepare("pragma user_version").get()?.["user_version"] ?? 0);
    if (found > version)
      throw new Error(`it was written by a newer Ambit (schema ${found}, this one knows ${version})`);
    db.exec(`begin; ${tables} pragma user_version = ${version}; commit;`);
    return db;
  } catch (error) {
    db.close();
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${path} cannot be used (${why}): move it away, and make new tokens with ./ambit admin token`, {
      cause: error,
    });
  }
}
