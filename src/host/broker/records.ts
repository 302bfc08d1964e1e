// Control `least-privilege`, `runtime`: `records.internal` as one deployment sees it. One deployment's slow views want to
// delay everybody's. Must stay true: all share one thread only as long as they are quick, and each has one query at a time
// in its line; who was slow once gets a thread of its own; a view that was given up is refused until its query has ended,
// and all views are when two have not.
import type { Refusal } from "../../boundary.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { RecordAnswer } from "../../controls/wire/door.ts";
import { QueryLine } from "./query-thread.ts";
import { decideParameters, type Scalar } from "./record-parameters.ts";
import type { Query, QueryResult } from "./records-thread.ts";

/** A query that takes longer moves its deployment to a thread of its own, milliseconds. */
const quickMs = 100;
/** Threads of one deployment that may spin in a query that was given up. */
const maxStuck = 2;

export type RecordOutcome =
  | { readonly ok: true; readonly answer: RecordAnswer }
  | { readonly ok: false; readonly refusal: Refusal };

export class Records {
  readonly #threadFile: string;
  readonly #shared: QueryLine;
  readonly #limitMs: number;
  readonly #stuck = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  #own: QueryLine | null = null;

  /**
   * @param shared the line that all quick deployments stand in
   * @param limitMs time one query has, milliseconds
   */
  constructor(threadFile: string, shared: QueryLine, limitMs: number) {
    this.#threadFile = threadFile;
    this.#shared = shared;
    this.#limitMs = limitMs;
  }

  /** Threads that still spin in a query that was given up. */
  get stuck(): number {
    return this.#stuck.size;
  }

  /** Rows of a view of this release. */
  async query(release: Release, view: string, params: Readonly<Record<string, Scalar>>): Promise<RecordOutcome> {
    const { records } = release.manifest;
    const record = Object.hasOwn(records, view) ? records[view] : undefined;
    const file = Object.hasOwn(release.recordFiles, view) ? release.recordFiles[view] : undefined;
    if (record === undefined || file === undefined)
      return refuse("unknown_view", `${view.slice(0, 64)} is not a view under records`);
    const parameters = decideParameters(view, record, params);
    if (!parameters.ok) return parameters;
    const result = await this.#run(view, {
      file,
      sql: record.sql,
      values: parameters.values,
      maxRows: record.max_rows,
    });
    if (result.ok) return { ok: true, answer: { rows: result.rows, truncated: result.truncated } };
    return refuse(result.reason, `records.${view}: ${result.message}`);
  }

  /** Back to the shared thread; a stuck one ends with its query or with the process. */
  close(): void {
    this.#own?.close();
    this.#own = null;
  }

  /** Waits for the deployment's own queries here, so that in the shared line each waits for one of every other. */
  #run(view: string, query: Query): Promise<QueryResult> {
    const result = this.#last.then(() => this.#runNow(view, query));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #runNow(view: string, query: Query): Promise<QueryResult> {
    const stillSpins = `a query was given up after ${this.#limitMs} ms and has not ended yet; narrow its SQL, deploy again and restart the broker`;
    if (this.#stuck.has(view) || this.#stuck.size >= maxStuck)
      return { ok: false, reason: "view_too_slow", message: stillSpins };
    const end = await (this.#own ?? this.#shared).run(query);
    if (end.kind === "done" && end.ms <= quickMs) return end.result;
    this.#own ??= new QueryLine(this.#threadFile, this.#limitMs);
    if (end.kind === "done") return end.result;
    if (end.kind === "crashed")
      return {
        ok: false,
        reason: "view_failed",
        message: "the query ran out of memory, or a new release ended it; narrow its SQL or ask again",
      };
    this.#stuck.add(view);
    void end.ended.then(() => this.#stuck.delete(view));
    return {
      ok: false,
      reason: "view_too_slow",
      message: `no answer within ${this.#limitMs} ms; narrow its SQL or add an index`,
    };
  }
}

function refuse(reason: string, message: string): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { control: "least-privilege", reason, message } };
}
