// Control `audit`: reads the gates' chains onward, for metrics and traces: nobody waits for it, and it may be gone for an hour.
// A gate that hangs or lies keeps the others waiting for no longer than one question. It starts again from its first entry when
// a chain is another one than before: that of the next deployment of the name. Whether a chain is whole, `audit verify` says.
import type { ChainEntry } from "../controls/audit/entry.ts";
import { countEntry } from "../controls/telemetry/counts.ts";
import { traceEntry, type Span } from "../controls/telemetry/turn-trace.ts";
import { chainPage } from "../controls/wire/audit.ts";
import type { HostLink } from "./host-link.ts";
import { askDeployments } from "./routes/deployments.ts";
import { nothingWatched, type Watched, type WatchStore } from "./watch-store.ts";

/** Pages of one chain in one round; what is left comes in the next. */
const pagesInRound = 20;
const askMs = 3000;
const everyMs = 1000;
/** A turn that ended longer ago was told before, or is of no use to anybody. */
const oldestMs = 86_400_000;

export class Watch {
  readonly #host: HostLink;
  readonly #store: WatchStore;
  readonly #onTrace: ((spans: readonly Span[]) => void) | null;
  readonly #all: Map<string, Watched>;
  #round: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `onTrace` gets the spans of each turn that ended; null: turns are not followed, and chains are read when asked for. */
  constructor(host: HostLink, store: WatchStore, onTrace: ((spans: readonly Span[]) => void) | null) {
    this.#host = host;
    this.#store = store;
    this.#onTrace = onTrace;
    this.#all = store.load();
  }

  /** Reads on again and again. */
  start(): void {
    const go = (): void => void this.round().finally(() => (this.#timer = setTimeout(go, everyMs).unref()));
    go();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  get all(): ReadonlyMap<string, Watched> {
    return this.#all;
  }

  /** Reads what is new; one round at a time. Never rejects. */
  round(): Promise<void> {
    this.#round ??= this.#readAll()
      .catch(() => undefined)
      .finally(() => (this.#round = undefined));
    return this.#round;
  }

  async #readAll(): Promise<void> {
    const found = await askDeployments(this.#host);
    if ("code" in found) return;
    const names = new Set(found.value.deployments.map(({ name }) => name));
    for (const name of this.#all.keys()) {
      if (names.has(name)) continue;
      this.#all.delete(name);
      this.#store.forget(name);
    }
    const ready = found.value.deployments.filter(({ state }) => state === "ready");
    await Promise.all(ready.map(({ name }) => this.#read(name)));
  }

  async #read(name: string): Promise<void> {
    const before = this.#all.get(name);
    let watched = before ?? nothingWatched();
    for (let pages = 0; pages < pagesInRound; pages++) {
      const path = `/v1/deployments/${name}/gate/control/audit?after=${Math.max(0, watched.sequence - 1)}`;
      const page = await this.#host.ask({ method: "GET", path, answer: chainPage, actor: null, timeoutMs: askMs });
      if ("code" in page) break;
      const [first] = page.value.entries;
      const isSame = watched.sequence === 0 || (first?.entry.seq === watched.sequence && first.head === watched.head);
      if (!isSame) {
        watched = nothingWatched();
        continue;
      }
      const fresh = page.value.entries.filter(({ entry }) => entry.seq > watched.sequence);
      if (fresh.length === 0) break;
      for (const { entry, head } of fresh) watched = this.#take(name, watched, entry as ChainEntry, head);
    }
    if (watched === before) return;
    this.#all.set(name, watched);
    this.#store.keep(name, watched);
  }

  #take(name: string, { counts, turns }: Watched, entry: ChainEntry, head: string): Watched {
    countEntry(counts, entry);
    if (this.#onTrace !== null) {
      const spans = traceEntry(name, turns, entry);
      if (spans !== undefined && Date.parse(entry.at) > Date.now() - oldestMs) this.#onTrace(spans);
    }
    return { counts, turns: this.#onTrace === null ? {} : turns, sequence: entry.seq, head };
  }
}
