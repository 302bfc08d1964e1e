// Control `callbacks`, `data`: the connections of one deployment. A pooled socket was checked for somebody: another
// deployment, or this one for another destination, must never get it. And a socket that the other side has just closed
// loses a request that nobody may send twice. Must stay true: a lease holds one request at a time, is used again only
// within 4 s (servers commonly close at 5) or 1 s less than the server said, and never later than 60 s after its check.
import { Agent } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import type { Destination } from "../../controls/egress/destination.ts";
import { hostPort } from "../../controls/egress/url.ts";
import { dial, type Dialled, type Resolve } from "./dial.ts";

const reuseMs = 4000;
const lifeMs = 60_000;
/** Idle connections kept per destination. */
const maxIdle = 8;

/** One connection; `agent` gives exactly this one to a request. */
export class Lease {
  readonly socket: Socket;
  readonly agent: Agent;
  readonly #born = performance.now();
  #idleSince = 0;
  #reuseMs = reuseMs;

  constructor(socket: Socket, onIdle: (lease: Lease) => boolean) {
    this.socket = socket;
    this.agent = new OneSocketAgent(socket, () => {
      this.#idleSince = performance.now();
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

  /** True when nothing speaks against another request on this connection. */
  canCarry(): boolean {
    const { socket } = this;
    const now = performance.now();
    if (now - this.#idleSince >= this.#reuseMs || now - this.#born >= lifeMs) return false;
    // Bytes nobody asked for belong to no answer: the two sides have lost step.
    return (
      !socket.destroyed && socket.writable && socket.readable && !socket.readableEnded && socket.readableLength === 0
    );
  }
}

export class Pool {
  readonly #resolve: Resolve;
  readonly #idle = new Map<string, Lease[]>();
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
      if (lease.canCarry()) {
        lease.socket.setTimeout(0);
        return { ok: true, value: lease };
      }
      lease.socket.destroy();
    }
    const dialled = await dial(target, this.#resolve);
    if (!dialled.ok) return dialled;
    const fresh = new Lease(dialled.value, (lease) => this.#keep(key, lease));
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
  readonly #socket: Socket;
  readonly #onIdle: () => boolean;

  constructor(socket: Socket, onIdle: () => boolean) {
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
