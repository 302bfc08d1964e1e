// Control `least-privilege`, `data`: runs record views, in a thread of its own with no credential in its hands. The SQL is
// the operator's, the values are the model's, the file may be anybody's. Must stay true: one SELECT, read-only, no other
// file, no pragma, no extension, only functions from a list, bounded rows and bytes. How long it may take is decided by
// the thread that asks: SQLite cannot be interrupted from here.
import { existsSync, readlinkSync, statSync } from "node:fs";
import { constants, DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { parentPort } from "node:worker_threads";
import type { Values } from "./record-parameters.ts";

export interface Query {
  readonly file: string;
  readonly sql: string;
  readonly values: Values;
  readonly maxRows: number;
}
export type Row = Record<string, string | number | null>;
export type QueryResult =
  | { readonly ok: true; readonly rows: Row[]; readonly truncated: boolean }
  | { readonly ok: false; readonly reason: string; readonly message: string };
/** First message of a thread: ready, with its Linux thread id (0 when unknown). */
export type Ready = { readonly ready: number };

/** Largest answer, bytes of JSON. */
const maxRecordBytes = 1_048_576;
const maxOpenFiles = 16;

/** EXPLAIN passes the authorizer and would show the file's layout. */
const selectPattern = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(?:select|with|values)\b/i;

const [sqliteReadOnly, sqliteCannotOpen, sqliteNotADatabase] = [8, 14, 26];

export interface OpenFile {
  readonly database: DatabaseSync;
  readonly identity: string;
  /** Opened as a file that nobody writes; checked before and after each query. */
  readonly isFrozen: boolean;
  readonly statements: Map<string, StatementSync>;
}

const functions = new Set(
  (
    "abs avg ceil ceiling char coalesce concat concat_ws count cume_dist current_date current_time current_timestamp date " +
    "datetime dense_rank exp first_value floor format glob group_concat hex ifnull iif instr json json_array json_array_length " +
    "json_each json_extract json_group_array json_group_object json_object json_tree json_type json_valid julianday lag " +
    "last_value lead length like ln log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank " +
    "pow power printf quote rank replace round row_number rtrim sign sqrt strftime string_agg substr substring sum time " +
    "timediff total trim trunc typeof unicode unixepoch upper -> ->> bm25 match rowid"
  ).split(" "),
);

/** Answers queries, one at a time, until the thread is ended. */
export function serveRecords(): void {
  const files = new Map<string, OpenFile>();
  parentPort?.on("message", (query: Query) => parentPort?.postMessage(answerQuery(files, query)));
  parentPort?.postMessage({ ready: threadId() } satisfies Ready);
}

/** Runs one view. Never throws. */
export function answerQuery(files: Map<string, OpenFile>, query: Query): QueryResult {
  let open: OpenFile;
  try {
    open = openRecords(files, query.file);
  } catch (error) {
    return { ok: false, reason: "view_unavailable", message: describeOpen(query.file, error) };
  }
  try {
    const result = readRows(prepare(open, query.sql), query);
    if (!open.isFrozen || identityOf(query.file, true) === open.identity) return result;
    return { ok: false, reason: "view_unavailable", message: `${query.file}: it changed while it was read; ask again` };
  } catch (error) {
    if (error instanceof ViewError) return { ok: false, reason: error.reason, message: error.message };
    return { ok: false, reason: "view_failed", message: `${query.file}: ${(error as Error).message}` };
  }
}

class ViewError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The handle of a file, kept open until another file stands under its name. */
function openRecords(files: Map<string, OpenFile>, path: string): OpenFile {
  const known = files.get(path);
  if (known !== undefined && known.identity === identityOf(path, known.isFrozen)) return known;
  known?.database.close();
  files.delete(path);
  const [oldest] = files.size < maxOpenFiles ? [] : files.keys();
  if (oldest !== undefined) {
    files.get(oldest)?.database.close();
    files.delete(oldest);
  }
  const opened = openFile(path);
  files.set(path, opened);
  return opened;
}

/**
 * A database in WAL mode that nobody has open cannot be read by a user who may not write beside it. When there is no
 * journal of any kind the file is whole as it lies there: then it is read as it is, for as long as it stays the same.
 */
function openFile(path: string): OpenFile {
  const open = (frozen: boolean): OpenFile => {
    const identity = identityOf(path, frozen);
    return { database: openDatabase(path, frozen), identity, isFrozen: frozen, statements: new Map() };
  };
  try {
    return open(false);
  } catch (error) {
    if (codeOf(error) !== sqliteReadOnly || existsSync(`${path}-wal`) || existsSync(`${path}-journal`)) throw error;
    return open(true);
  }
}

function identityOf(path: string, isFrozen: boolean): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  const file = `${dev}:${ino}`;
  return isFrozen
    ? `${file}:${size}:${mtimeNs}:${ctimeNs}:${existsSync(`${path}-wal`)}:${existsSync(`${path}-journal`)}`
    : file;
}

function openDatabase(path: string, isFrozen: boolean): DatabaseSync {
  // A single value larger than the answer may be is refused by SQLite itself; attach 0 leaves no second file to open.
  const limits = { length: maxRecordBytes, attach: 0, likePatternLength: 1000, variableNumber: 100 };
  const url = pathToFileURL(path);
  if (isFrozen) url.searchParams.set("immutable", "1");
  const database = new DatabaseSync(url, {
    readOnly: true,
    allowExtension: false,
    timeout: 500,
    readBigInts: true,
    limits,
  });
  try {
    database.enableDefensive(true);
    database.exec(
      "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;",
    );
    // Reads the file's head: a file that is not a database is named here and not at the first row.
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    database.setAuthorizer(authorize);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function authorize(action: number, first: string | null, second: string | null): number {
  if (action === constants.SQLITE_SELECT) return constants.SQLITE_OK;
  if (action === constants.SQLITE_READ)
    return /^(sqlite_|pragma_|dbstat)/i.test(first ?? "") ? constants.SQLITE_DENY : constants.SQLITE_OK;
  if (action === constants.SQLITE_FUNCTION)
    return functions.has((second ?? "").toLowerCase()) ? constants.SQLITE_OK : constants.SQLITE_DENY;
  return constants.SQLITE_DENY;
}

function prepare(open: OpenFile, sql: string): StatementSync {
  const known = open.statements.get(sql);
  if (known !== undefined) return known;
  const statement = open.database.prepare(sql);
  // SQLite compiles the first statement and silently leaves the rest.
  const rest = sql.slice(sql.indexOf(statement.sourceSQL) + statement.sourceSQL.length);
  if (/[^\s;]/.test(rest))
    throw new ViewError("view_broken", "the SQL of a view must be exactly one SELECT, with nothing after it");
  if (!selectPattern.test(statement.sourceSQL))
    throw new ViewError("view_broken", "the SQL of a view must be a SELECT");
  open.statements.set(sql, statement);
  return statement;
}

function readRows(statement: StatementSync, query: Query): QueryResult {
  const rows: Row[] = [];
  let bytes = 0;
  for (const row of statement.iterate(query.values)) {
    if (rows.length === query.maxRows) return { ok: true, rows, truncated: true };
    const plain = Object.fromEntries(
      Object.entries(row).map(([column, value]) => [column, toJson(column, value)] as const),
    );
    bytes += Buffer.byteLength(JSON.stringify(plain)) + 1;
    if (bytes > maxRecordBytes)
      throw new ViewError(
        "answer_too_large",
        `the view's answer is over ${maxRecordBytes} bytes; select fewer columns or lower max_rows`,
      );
    rows.push(plain);
  }
  return { ok: true, rows, truncated: false };
}

function toJson(column: string, value: SQLOutputValue): string | number | null {
  if (value instanceof Uint8Array)
    throw new ViewError("blob_column", `column ${column} holds bytes; select hex(${column}) instead`);
  // JSON numbers end at 2^53 in most readers, so what is larger goes as text.
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
}

function describeOpen(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const sqlite = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR")
    return `${path}: no such file; create it or correct records.*.file and deploy again`;
  if (code === "EACCES" || sqlite === sqliteCannotOpen || sqlite === sqliteReadOnly) {
    return `${path}: the broker's user cannot open it; let it read the file, its folder and any -wal, -shm or -journal file beside it`;
  }
  return sqlite === sqliteNotADatabase ? `${path}: not an SQLite database` : `${path}: ${message}`;
}

/** SQLite's primary result code; 0 for errors of another kind. */
function codeOf(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

function threadId(): number {
  try {
    return Number(/task\/([0-9]+)$/.exec(readlinkSync("/proc/thread-self"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
