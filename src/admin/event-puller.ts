// Control `audit`: fills the index: asks the supervisor what has grown, then for pages of that, each from the entry that is held.
// Nobody waits for this and nothing is pushed into it, so admin may be gone for an hour and goes on where it was. A gate that
// hangs, or whose chain does not follow, stops nothing but its own chain; a fault is kept and shown, never stepped over.
import { writers, type Writer } from "../controls/audit/chain.ts";
import type { ChainEntry } from "../controls/audit/entry.ts";
import { followPage, pageAfter, type Headed } from "../controls/audit/follow.ts";
import { chainPage, hostChains, type HostChains } from "../controls/wire/audit.ts";
import type { Chain, EventStore } from "./event-store.ts";
import type { ChainStatus } from "./event-view.ts";
import type { HostLink } from "./host-link.ts";
import { inParallel } from "./in-parallel.ts";
import type { Refused } from "./problem.ts";

/** Between two rounds: while something is new or somebody watches, and else. */
const busyMs = 400;
const calmMs = 2000;
const askMs = 8000;
/** A chain that could not be read is left alone for so long, each time twice as long up to the last. */
const restMs = 250;
const lastRestMs = 16_000;
/** A gate's chain is looked at so often though the broker signed nothing new: it may be unable to have it signed, or cut. */
const lookMs = 60_000;
/** Deployments that are read at once, and pages of one chain before the next one's turn. */
const atOnce = 4;
const pagesInTurn = 8;

type Deployment = HostChains["deployments"][number];
type Listener = (deployment: string, entries: readonly ChainEntry[]) => void;

export class EventPuller {
  readonly #host: HostLink;
  readonly #store: EventStore;
  readonly #log: (line: object) => void;
  readonly #listeners = new Set<Listener>();
  /** By chain: until when it rests and why; when it was looked at. */
  readonly #resting = new Map<string, { readonly until: number; readonly times: number; readonly why: string }>();
  readonly #looked = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(host: HostLink, store: EventStore, log: (line: object) => void) {
    this.#host = host;
    this.#store = store;
    this.#log = log;
  }

  start(): void {
    const go = async (): Promise<void> => {
      let isNew = false;
      try {
        isNew = await this.round();
      } catch (error) {
        this.#log({ event: "index_failed", why: error instanceof Error ? (error.stack ?? "") : String(error) });
      }
      this.#timer = setTimeout(go, isNew || this.#listeners.size > 0 ? busyMs : calmMs).unref();
    };
    void go();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Tells of entries that came into the index, right after; the returned function ends that. */
  onEntries(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Reads what is new; true when something was. */
  async round(): Promise<boolean> {
    const asked = await this.#askChains();
    if ("code" in asked) return false;
    const news = await inParallel(asked.value.deployments, atOnce, (one) => this.#readDeployment(one));
    return news.some((isNew) => isNew);
  }

  /** Each chain, how far it was followed, and how far there is to go. */
  async status(): Promise<ChainStatus[] | Refused> {
    const asked = await this.#askChains();
    if ("code" in asked) return asked;
    const there = new Map(asked.value.deployments.map((one) => [one.name, one]));
    for (const one of asked.value.deployments)
      for (const writer of writers) if (one.isThere || writer !== "gate") this.#store.current(one.name, writer);
    return this.#store.chains().map((chain) => this.#statusOf(chain, there.get(chain.deployment)));
  }

  #statusOf(chain: Chain, found: Deployment | undefined): ChainStatus {
    const { deployment, writer, life, standing, fault, isEnded } = chain;
    const told = isEnded ? chain.length : (found?.lengths[writer] ?? null);
    // A gate's chain is read before its head is signed.
    const length =
      told === null ? null : writer === "gate" && fault === null ? Math.max(told, standing.sequence) : told;
    const behind = length === null ? null : Math.max(0, length - standing.sequence);
    const why = this.#resting.get(`${deployment}/${writer}`)?.why;
    return {
      ...{ deployment, chain: writer, life, followed: standing.sequence, length, behind, fault },
      unreadable: isEnded || behind === 0 ? null : (why ?? null),
      removed: isEnded || found?.isThere !== true,
    };
  }

  #askChains(): Promise<{ readonly value: HostChains } | Refused> {
    return this.#host.ask({ method: "GET", path: "/v1/audit", answer: hostChains, actor: null, timeoutMs: askMs });
  }

  /** The admin chain first: it tells that a gate's chain is over, and the next one begins anew. */
  async #readDeployment({ name, isThere, lengths }: Deployment): Promise<boolean> {
    let isNew = false;
    for (const writer of writers) {
      if (writer === "gate" && !isThere) continue;
      if (await this.#readChain(name, writer, lengths[writer])) isNew = true;
    }
    return isNew;
  }

  async #readChain(name: string, writer: Writer, length: number | null): Promise<boolean> {
    const key = `${name}/${writer}`;
    const now = Date.now();
    if (length === null || (this.#resting.get(key)?.until ?? 0) > now) return false;
    const chain = this.#store.current(name, writer);
    const isDue = writer === "gate" && (this.#looked.get(key) ?? 0) + lookMs <= now;
    const isCut = writer !== "gate" && length < chain.standing.sequence;
    if (chain.fault !== null || (length <= chain.standing.sequence && !isDue && !isCut)) return false;
    this.#looked.set(key, now);
    let isNew = false;
    for (let pages = 0; pages < pagesInTurn; pages++) {
      if (!(await this.#readPage(name, writer))) break;
      isNew = true;
    }
    return isNew;
  }

  /** True when there was something, so that there may be more. */
  async #readPage(name: string, writer: Writer): Promise<boolean> {
    const chain = this.#store.current(name, writer);
    const from = writer === "gate" ? "gate/control/audit" : `audit/${writer}`;
    const path = `/v1/deployments/${name}/${from}?after=${pageAfter(chain.standing)}`;
    const asked = await this.#host.ask({ method: "GET", path, answer: chainPage, actor: null, timeoutMs: askMs });
    const key = `${name}/${writer}`;
    if ("code" in asked) {
      const times = (this.#resting.get(key)?.times ?? -1) + 1;
      const until = Date.now() + Math.min(lastRestMs, restMs * 2 ** times);
      this.#resting.set(key, { until, times, why: asked.detail });
      return false;
    }
    this.#resting.delete(key);
    const followed = followPage(chain.standing, asked.value.entries as readonly Headed[]);
    if (followed.fault !== undefined && writer === "gate") {
      // Perhaps it is the chain of the next deployment of this name: the admin chain knows.
      await this.#readPage(name, "admin");
      if (this.#store.current(name, "gate").id !== chain.id) return true;
    }
    if (followed.taken.length === 0 && followed.fault === undefined) return false;
    this.#store.take(chain, followed);
    if (followed.fault !== undefined) this.#log({ event: "chain_not_followed", chain: key, ...followed.fault });
    const entries = followed.taken.map(({ entry }) => entry);
    for (const listener of this.#listeners) listener(name, entries);
    return followed.fault === undefined;
  }
}
