// Control `audit`: the front's chain of each deployment: that it started, and what it refused of whose requests. Strangers
// cause these entries, so they are counted and not listed, and nothing waits for the disk while a request does: entries
// are written a moment later, without a sync. A killed front loses that moment, a machine that loses power perhaps more;
// but not what was handed out: the broker remembers the heads that it signed, and a chain that ends before one is a chain
// that was cut, for ever.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Writer } from "../../controls/audit/chain.ts";
import type { EntryBody } from "../../controls/audit/entry.ts";
import { chainTable, ChainTable } from "../chain-table.ts";
import { RefusalTally } from "../refusal-tally.ts";

const form = 1;

/** What the front tells of a deployment. */
export interface FrontWitness {
  /** A request for this deployment came. */
  arrived(deployment: string): void;
  /** One was refused or cut by the front. */
  refused(deployment: string, reason: string): void;
}

export class FrontChain implements FrontWitness {
  readonly table: ChainTable;
  readonly #database: DatabaseSync;
  readonly #tally: RefusalTally;
  readonly #known = new Set<string>();

  /**
   * @param folder the front's own, 0700
   * @throws when its database cannot be used
   */
  constructor(folder: string, onFailure: (error: Error) => void) {
    this.#database = openDatabase(join(folder, "front.sqlite"));
    this.table = new SyncedTable(this.#database, "front");
    this.#tally = new RefusalTally(this.table, onFailure);
  }

  arrived(deployment: string): void {
    if (this.#known.has(deployment)) return;
    this.#known.add(deployment);
    this.#tally.note(deployment, "front_started", {});
  }

  refused(deployment: string, reason: string): void {
    this.#tally.note(deployment, "request_refused", { reason });
  }

  /** Writes what was counted. */
  close(): void {
    this.#tally.close();
    this.#database.close();
  }
}

/** Puts on disk what it hands out, before it does. */
class SyncedTable extends ChainTable {
  readonly #database: DatabaseSync;
  #isOnDisk = false;

  constructor(database: DatabaseSync, writer: Writer) {
    super(database, writer);
    this.#database = database;
  }

  override appendBody(deployment: string, body: EntryBody): void {
    this.#isOnDisk = false;
    super.appendBody(deployment, body);
  }

  override page(deployment: string, after: number): ReturnType<ChainTable["page"]> {
    // With `synchronous = normal` a commit waits for no disk, and a checkpoint does.
    if (!this.#isOnDisk) this.#database.exec("pragma wal_checkpoint(passive)");
    this.#isOnDisk = true;
    return super.page(deployment, after);
  }
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 2000 });
  try {
    database.exec("pragma locking_mode = exclusive; pragma journal_mode = wal; pragma synchronous = normal;");
    const found = Number(database.prepare("pragma user_version").get()?.["user_version"] ?? 0);
    if (found > form) throw new Error(`it was written by a newer Ambit (form ${found}); start that one again`);
    if (found < form) database.exec(`begin immediate; ${chainTable} pragma user_version = ${form}; commit;`);
    return database;
  } catch (error) {
    database.close();
    throw new Error(`${path} cannot be used: ${(error as Error).message}`, { cause: error });
  }
}
