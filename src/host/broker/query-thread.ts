// Control `runtime`: a thread that runs record views, and the line of queries before it. A query whose values a model chose
// may never end. Must stay true: a query has 2 s and then everything behind it goes on in a new thread; the old one is put
// behind everything else on the machine and left to end, because nothing ends SQLite inside a thread sooner.
import { setPriority } from "node:os";
import { Worker } from "node:worker_threads";
import type { Query, QueryResult, Ready } from "./records-thread.ts";

/** Time one query has where nothing else is said, milliseconds. */
export const queryMs = 2000;
/** A thread that nobody asked anything for this long is ended. */
const idleMs = 60_000;
const threadLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4, stackSizeMb: 2 };

/** `ended` resolves once the thread of a slow query is really gone, which may be long after. */
export type QueryEnd =
  | { readonly kind: "done"; readonly result: QueryResult; readonly ms: number }
  | { readonly kind: "slow"; readonly ended: Promise<void> }
  | { readonly kind: "crashed" };

/** Runs queries one after the other, in a thread that is started when it is needed. */
export class QueryLine {
  readonly #threadFile: string;
  readonly #limitMs: number;
  #thread: QueryThread | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param threadFile program that calls `serveRecords` when it is not on the main thread
   * @param limitMs time one query has, milliseconds
   */
  constructor(threadFile: string, limitMs: number) {
    this.#threadFile = threadFile;
    this.#limitMs = limitMs;
  }

  run(query: Query): Promise<QueryEnd> {
    const result = this.#last.then(() => this.#runNow(query));
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Ends the thread, at once when it is idle. */
  close(): void {
    this.#thread?.end();
    this.#thread = null;
  }

  async #runNow(query: Query): Promise<QueryEnd> {
    if (this.#thread === null || this.#thread.isEnded) this.#thread = new QueryThread(this.#threadFile);
    const thread = this.#thread;
    const result = await thread.run(query, this.#limitMs);
    if (typeof result !== "string") return { kind: "done", ...result };
    this.#thread = null;
    return result === "slow" ? { kind: "slow", ended: thread.abandon() } : { kind: "crashed" };
  }
}

class QueryThread {
  readonly #worker: Worker;
  readonly #ready: Promise<void>;
  readonly #ended: Promise<void>;
  readonly #idle: NodeJS.Timeout;
  isEnded = false;
  #id = 0;
  #answer: (result: QueryResult) => void = () => {};

  constructor(file: string) {
    this.#worker = new Worker(file, { env: {}, argv: [], resourceLimits: threadLimits, name: "records" });
    const ready = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    this.#ready = ready.promise;
    this.#ended = ended.promise;
    this.#worker.on("message", (message: Ready | QueryResult) => {
      if (!("ready" in message)) return this.#answer(message);
      this.#id = message.ready;
      ready.resolve();
    });
    // Out of memory arrives as an error and then as the end of the thread.
    this.#worker.on("error", () => undefined);
    this.#worker.on("exit", () => {
      this.isEnded = true;
      ended.resolve();
    });
    this.#idle = setTimeout(() => this.end(), idleMs).unref();
  }

  /** The time a thread needs to start is not the query's. */
  async run(query: Query, limitMs: number): Promise<{ result: QueryResult; ms: number } | "slow" | "crashed"> {
    await Promise.race([this.#ready, this.#ended]);
    const startedAt = performance.now();
    const slow = Promise.withResolvers<"slow">();
    const timer = setTimeout(slow.resolve, limitMs, "slow");
    const answer = new Promise<QueryResult>((resolve) => (this.#answer = resolve));
    this.#worker.postMessage(query);
    this.#idle.refresh();
    const result = await Promise.race([answer, slow.promise, this.#ended.then(() => "crashed" as const)]);
    clearTimeout(timer);
    return typeof result === "string" ? result : { result, ms: performance.now() - startedAt };
  }

  end(): void {
    this.isEnded = true;
    clearTimeout(this.#idle);
    void this.#worker.terminate();
  }

  async abandon(): Promise<void> {
    this.#worker.unref();
    // On Linux a thread has a priority of its own; 0 would be the whole process.
    if (this.#id > 0) setPriority(this.#id, 19);
    this.end();
    await this.#ended;
  }
}
