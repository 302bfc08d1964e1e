// Control `callbacks`, `data`: the connections of one deployment. A pooled socket was checked for somebody: another
// deployment, or this one for another destination, must never get it. And a socket that the other side has just closed
// loses a request that nobody may send twice. Must stay true: a lease holds one request at a time, is used again only
// within 4 s (servers commonly close at 5) or 1 s less than the server said, and never later than 60 s after its check.
import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Destination } from "../../controls/egress/destination.ts";
import { hostPort } from "../../controls/egress/url.ts";
import { PacedSocket, Turns } from "../paced-socket.ts";
import { dial, type Dialled, type Resolve } from "./dial.ts";

const reuseMs = 4000;
const lifeMs = 60_000;
/** Idle connections kept per destination. */
const maxIdle = 8;

/** One connection; `agent` gives exactly this one to a request. */
export class Lease {
  readonly socket: PacedSocket;
  readonly agent: Agent;
  readonly #born = performance.now();
  /** Bytes nobody asked for belong to no answer: the two sides have lost step. */
  readonly #onStray = (): void => void this.socket.destroy();
  #idleSince = 0;
  #reuseMs = reuseMs;

  constructor(socket: PacedSocket, onIdle: (lease: Lease) => boolean) {
    this.socket = socket;
    this.agent = new OneSocketAgent(socket, () => {
      this.#idleSince = performance.now();
      socket.on("data", this.#onStray);
      return this.#reuseMs > 0 && onIdle(this);
    });
    socket.on("timeout", () => socket.destroy());
  }

  /** `Keep-Alive: timeout=N` of an answer, when it had one. */
  heed(header: string): void {
    const seconds = /(?:^|[\s,;])timeout=([0-9]{1,6})/i.exec(header)?.[1];
    this.#reuseMs = seconds === undefined ? reuseMs : Math.min(reuseMs, Number(seconds) * 1000 - 1000);
  }

  /** Milliseconds for which an idle connection may be used again. */
  get keepMs(): number {
    return this.#reuseMs;
  }

  /** Takes an idle connection back into use; false when anything speaks against another request on it. */
  use(): boolean {
    const now = performance.now();
    if (now - this.#idleSince >= this.#reuseMs || now - this.#born >= lifeMs || !this.socket.isQuiet) return false;
    this.socket.off("data", this.#onStray).setTimeout(0);
    return true;
  }
}

export class Pool {
  readonly #resolve: Resolve;
  readonly #idle = new Map<string, Lease[]>();
  /** All upstreams of a deployment together get what one piece takes: a hostile one must not stop the other deployments. */
  readonly #turns = new Turns();
  #isClosed = false;

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  /**
   * A connection for one request.
   * @param isCareful for a request that must not be lost: an idle connection is first given one whole round of the event
   *   loop, in which a close that has already arrived is seen, so that only a close still on the wire can hit it
   */
  async acquire(target: Destination, isCareful: boolean): Promise<Dialled<Lease>> {
    const key = `${target.isTls ? "https" : "http"}://${hostPort(target.host, target.port)}`;
    for (let lease = this.#idle.get(key)?.pop(); lease !== undefined; lease = this.#idle.get(key)?.pop()) {
      if (isCareful) await pollOnce();
      if (lease.use()) return { ok: true, value: lease };
      lease.socket.destroy();
    }
    const dialled = await dial(target, this.#resolve);
    if (!dialled.ok) return dialled;
    const fresh = new Lease(new PacedSocket(dialled.value, this.#turns), (lease) => this.#keep(key, lease));
    fresh.socket.once("close", () => this.#forget(key, fresh));
    return { ok: true, value: fresh };
  }

  /** Ends idle connections; those in use end after their answer. */
  close(): void {
    this.#isClosed = true;
    for (const leases of this.#idle.values()) for (const lease of leases) lease.socket.destroy();
    this.#idle.clear();
  }

  #keep(key: string, lease: Lease): boolean {
    const leases = this.#idle.get(key) ?? [];
    if (this.#isClosed || leases.length >= maxIdle) return false;
    lease.socket.setTimeout(lease.keepMs);
    this.#idle.set(key, [...leases, lease]);
    return true;
  }

  #forget(key: string, lease: Lease): void {
    const rest = (this.#idle.get(key) ?? []).filter((other) => other !== lease);
    if (rest.length > 0) this.#idle.set(key, rest);
    else this.#idle.delete(key);
  }
}

/** Node's agent for the framing of one connection; it never dials and never picks. */
class OneSocketAgent extends Agent {
  readonly #socket: Duplex;
  readonly #onIdle: () => boolean;

  constructor(socket: Duplex, onIdle: () => boolean) {
    super({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1 });
    this.#socket = socket;
    this.#onIdle = onIdle;
  }

  override createConnection(): Duplex {
    return this.#socket;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const isKept = (super.keepSocketAlive as (socket: Duplex) => boolean | void).call(this, socket) !== false;
    return isKept && this.#onIdle();
  }
}

/** The first turn ends this round of the loop, the second comes after the next poll. */
async function pollOnce(): Promise<void> {
  await turn();
  await turn();
}
