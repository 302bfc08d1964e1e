// Control `review`, `workflow`: the memory of what was forwarded. A crash between two lines wants a payment made twice, or
// one that was made to be forgotten; a gate that was taken over wants so much remembered that the broker, which all
// deployments share, stands still over it. Must stay true: the row is on disk before the first byte leaves; a key leaves
// once and never again, and each step is in the deployment's audit chain by the same commit; "answered" is said only with the answer on disk; "not forwarded" only after the key was burnt; and
// no step here takes longer because a deployment has many rows.
import { createHash } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setImmediate as nextPass } from "node:timers/promises";
import type { OutcomeAnswer } from "../../controls/wire/door.ts";
import type { ChainTable, Detail } from "../chain-table.ts";

export interface CallAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

const dayMs = 86_400_000;
/** Rows are kept this long; a key could be used again after it. */
const keepRowsMs = 7 * dayMs;
/**
 * The row that says up to when rows were forgotten; no deployment has an empty name. Whoever sets the clock ahead has the calls of
 * today forgotten: when it is back, nothing is known of a key that is not there.
 */
const forgotten = "deployment = '' AND call = 'forgotten'";
/** Bodies are kept this long; after it an answered call has an empty body and its hash. */
const keepBodiesMs = dayMs;

/** What one deployment may have kept here; the disk is everybody's. */
export interface Quota {
  /** New calls are refused beyond this. */
  readonly rows: number;
  /** The oldest bodies are forgotten beyond this many, and beyond this many bytes. */
  readonly bodies: number;
  readonly bodyBytes: number;
}

export const usualQuota: Quota = { rows: 1_000_000, bodies: 20_000, bodyBytes: 268_435_456 };
/** How far below its quota a deployment is brought at once, so that not every answer has to forget one. */
const slack = 0.99;
/** Rows that one step of a sweep takes. */
const stepRows = 500;

interface Kept {
  rows: number;
  bodies: number;
  bytes: number;
}

export class Calls {
  readonly #chain: ChainTable;
  readonly #quota: Quota;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, { readonly ended: Promise<void>; readonly end: () => void }>();
  readonly #insert: StatementSync;
  readonly #answer: StatementSync;
  readonly #break: StatementSync;
  readonly #remove: StatementSync;
  readonly #find: StatementSync;
  readonly #countRows: StatementSync;
  readonly #countBodies: StatementSync;
  readonly #oldest: StatementSync;
  readonly #dropOldest: StatementSync;
  readonly #nextWithBodies: StatementSync;
  readonly #dropBodies: StatementSync;
  readonly #dropRows: StatementSync;
  readonly #dropAll: StatementSync;
  readonly #noteForgotten: StatementSync;
  readonly #findForgotten: StatementSync;
  #isClosed = false;

  constructor(database: DatabaseSync, chain: ChainTable, quota: Quota = usualQuota) {
    const of = "deployment = ? AND call = ?";
    const sql = (text: string): StatementSync => database.prepare(text);
    this.#chain = chain;
    this.#quota = quota;
    this.#insert = sql(
      "INSERT INTO forwarded (deployment, call, state, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    );
    this.#answer = sql(
      `UPDATE forwarded SET state = 'answered', status = ?, content_type = ?, hash = ?, body = ? WHERE ${of} AND state = 'sending'`,
    );
    this.#break = sql(`UPDATE forwarded SET state = 'broken' WHERE ${of} AND state = 'sending'`);
    this.#remove = sql(`DELETE FROM forwarded WHERE ${of} AND state = 'sending'`);
    this.#find = sql(`SELECT state, status, content_type, hash, body FROM forwarded WHERE ${of}`);
    const bodies = "FROM forwarded WHERE deployment = ? AND body IS NOT NULL";
    const first = (rows: string): string => `rowid IN (SELECT rowid ${rows} ORDER BY at, rowid LIMIT ?)`;
    this.#countRows = sql("SELECT count(*) AS n FROM forwarded WHERE deployment = ?");
    this.#countBodies = sql(`SELECT count(*) AS n, total(length(body)) AS bytes ${bodies}`);
    this.#oldest = sql(`SELECT length(body) AS bytes ${bodies} ORDER BY at, rowid`);
    this.#dropOldest = sql(`UPDATE forwarded SET body = NULL WHERE ${first(bodies)}`);
    this.#nextWithBodies = sql(
      "SELECT deployment FROM forwarded WHERE body IS NOT NULL AND deployment > ? ORDER BY deployment LIMIT 1",
    );
    this.#dropBodies = sql(`UPDATE forwarded SET body = NULL WHERE ${first(`${bodies} AND at < ?`)}`);
    this.#dropAll = sql(`DELETE FROM forwarded WHERE ${first("FROM forwarded WHERE deployment = ?")}`);
    this.#dropRows = sql(`DELETE FROM forwarded WHERE ${first("FROM forwarded WHERE at < ? AND deployment <> ''")}`);
    this.#noteForgotten = sql(
      `INSERT INTO forwarded (deployment, call, state, at)
        SELECT '', 'forgotten', 'burnt', max(at) FROM forwarded WHERE at < ? HAVING max(at) IS NOT NULL
        ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`,
    );
    this.#findForgotten = sql(`SELECT 1 FROM forwarded WHERE ${forgotten} AND at > ?`);
  }

  /**
   * Claims a key and commits that, before anything is dialled.
   * @param host where the call goes, for the audit
   * @returns `known`: the key was used or burnt before; `full`: the deployment has too many calls kept
   * @throws when the claim could not be stored: then nothing may be dialled
   */
  begin(deployment: string, call: string, host: string): "begun" | "known" | "full" {
    if (this.#keptOf(deployment).rows >= this.#quota.rows) return "full";
    if (!this.#add(deployment, call, "sending", "call_forwarded", { host })) return "known";
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#underWay.set(keyOf(deployment, call), { ended: promise, end: resolve });
    return "begun";
  }

  /** No byte was sent: the claim is taken back, as if it had never been. */
  release(deployment: string, call: string): void {
    const kept = this.#keptOf(deployment);
    kept.rows -= this.#tell(deployment, call, "call_not_sent", {}, () => this.#remove.run(deployment, call));
  }

  /** The whole answer is here. Committed when this returns. */
  answered(deployment: string, call: string, answer: CallAnswer): void {
    const hash = createHash("sha256").update(answer.body).digest("hex");
    const kept = this.#keptOf(deployment);
    const { status, contentType, body } = answer;
    const changes = this.#tell(deployment, call, "call_answered", { status, hash, bytes: body.length }, () =>
      this.#answer.run(status, contentType, hash, body, deployment, call),
    );
    if (changes !== 1) throw new Error(`call ${call} of ${deployment} was answered without having been claimed`);
    kept.bodies += 1;
    kept.bytes += body.length;
    const { bodies, bodyBytes } = this.#quota;
    if (kept.bodies > bodies || kept.bytes > bodyBytes) this.#forgetOldest(deployment, kept);
  }

  /** Bytes were sent and no whole answer came. */
  broken(deployment: string, call: string, reason: string): void {
    this.#tell(deployment, call, "call_broken", { reason }, () => this.#break.run(deployment, call));
  }

  /** This process no longer works on the call; whoever asked for its outcome is told. */
  end(deployment: string, call: string): void {
    const key = keyOf(deployment, call);
    this.#underWay.get(key)?.end();
    this.#underWay.delete(key);
  }

  /**
   * What became of a call; waits while it is under way here. A key never seen is burnt first.
   * @throws when the burning could not be stored, or too many are kept: then nothing may be said
   */
  async outcome(deployment: string, call: string): Promise<OutcomeAnswer> {
    await this.#underWay.get(keyOf(deployment, call))?.ended;
    const known = this.#find.get(deployment, call);
    if (known === undefined && this.#findForgotten.get(Date.now() - keepRowsMs)) return { state: "unknown" };
    if (known === undefined && this.#keptOf(deployment).rows >= this.#quota.rows)
      throw new Error("too many calls are kept");
    const row = known ?? (this.#add(deployment, call, "burnt", "call_given_up", {}) ? { state: "burnt" } : undefined);
    if (row?.["state"] === "burnt") return { state: "not_forwarded" };
    // `broken`, or `sending` in an earlier life of this process: nobody will ever know more about it than now.
    if (row?.["state"] !== "answered") return { state: "unknown" };
    const body = row["body"] instanceof Uint8Array ? Buffer.from(row["body"]).toString("utf8") : "";
    return {
      state: "answered",
      status: Number(row["status"]),
      contentType: String(row["content_type"]),
      body,
      hash: String(row["hash"]),
    };
  }

  /** Forgets bodies after a day and rows after seven, in small steps. @param now milliseconds since 1970 */
  async sweep(now: number): Promise<void> {
    const inSteps = async (step: () => { readonly changes: number | bigint }): Promise<void> => {
      while (!this.#isClosed && Number(step().changes) > 0) await nextPass();
    };
    for (let name = ""; !this.#isClosed;) {
      const next = this.#nextWithBodies.get(name)?.["deployment"];
      if (typeof next !== "string") break;
      name = next;
      await inSteps(() => this.#dropBodies.run(next, now - keepBodiesMs, stepRows));
    }
    if (!this.#isClosed) this.#noteForgotten.run(now - keepRowsMs);
    await inSteps(() => this.#dropRows.run(now - keepRowsMs, stepRows));
    this.#kept.clear();
  }

  /** Forgets everything of a deployment that was removed: a later one of its name has calls of the same ids. */
  async forget(deployment: string): Promise<void> {
    while (!this.#isClosed && Number(this.#dropAll.run(deployment, stepRows).changes) > 0) await nextPass();
    this.#kept.delete(deployment);
  }

  /** A sweep under way ends before its next step: the database is about to be closed. */
  close(): void {
    this.#isClosed = true;
  }

  #forgetOldest(deployment: string, kept: Kept): void {
    const { bodies, bodyBytes } = this.#quota;
    let [count, bytes] = [0, 0];
    for (const row of this.#oldest.iterate(deployment)) {
      if (kept.bodies - count <= bodies * slack && kept.bytes - bytes <= bodyBytes * slack) break;
      count += 1;
      bytes += Number(row["bytes"]);
    }
    this.#dropOldest.run(deployment, count);
    kept.bodies -= count;
    kept.bytes -= bytes;
  }

  #add(deployment: string, call: string, state: "sending" | "burnt", event: string, detail: Detail): boolean {
    // Counted first, so that a row is never counted twice.
    const kept = this.#keptOf(deployment);
    const added = this.#tell(deployment, call, event, detail, () =>
      this.#insert.run(deployment, call, state, Date.now()),
    );
    kept.rows += added;
    return added === 1;
  }

  /** One commit: the row's step and the entry that tells of it; no entry when no row took the step. Returns how many did. */
  #tell(
    deployment: string,
    call: string,
    event: string,
    detail: Detail,
    step: () => { readonly changes: number | bigint },
  ): number {
    return this.#chain.together(() => {
      const changes = Number(step().changes);
      const [callId = "", attempt] = call.split(".");
      if (changes > 0) this.#chain.append(deployment, event, { attempt: Number(attempt), ...detail }, callId);
      return changes;
    });
  }

  #keptOf(deployment: string): Kept {
    const known = this.#kept.get(deployment);
    if (known !== undefined) return known;
    const bodies = this.#countBodies.get(deployment);
    const rows = Number(this.#countRows.get(deployment)?.["n"]);
    const counted = { rows, bodies: Number(bodies?.["n"]), bytes: Number(bodies?.["bytes"]) };
    this.#kept.set(deployment, counted);
    return counted;
  }
}

function keyOf(deployment: string, call: string): string {
  return `${deployment}\n${call}`;
}
