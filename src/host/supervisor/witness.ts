// Control `audit`: carries the heads of the chains of admin, front and broker to the broker, so that somebody else
// remembers them: whoever cuts or rewrites one of these files later is found out by the broker's memory. Every few seconds
// when something is new, and before the end. What cannot be signed stays unsigned and is said.
import { setTimeout as pause } from "node:timers/promises";
import { ChainDisputed, signOnward, type SignedStep } from "../../controls/audit/sign-onward.ts";
import type { Writer } from "../../controls/audit/chain.ts";
import { namePattern } from "../../controls/manifest/shapes.ts";
import type { Signature } from "../../controls/wire/audit.ts";
import { carried, type AdminChain, type Carried } from "./admin-chain.ts";
import type { ChainLinks } from "./chain-links.ts";
import type { Log } from "./log.ts";

const roundMs = 2000;
const endMs = 3000;

export interface WitnessHost {
  readonly links: ChainLinks;
  readonly audit: AdminChain;
  readonly log: Log;
  /** True for a deployment of this host. */
  isKnown(name: string): boolean;
  /** Told when a chain does not follow from what the broker signed of it. */
  onDisputed(name: string, writer: Writer): void;
}

interface Given {
  readonly name: string;
  readonly writer: Carried;
  readonly signature: Signature;
}

export class Witness {
  readonly #host: WitnessHost;
  /** What was said last of each chain, so that it is said once. */
  readonly #said = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(host: WitnessHost) {
    this.#host = host;
  }

  start(): void {
    this.#timer = setInterval(() => void this.round(), roundMs).unref();
  }

  /** A last round, before a part that it needs ends; one that does not answer holds nothing up for long. */
  async end(atOnce?: AbortSignal): Promise<void> {
    clearInterval(this.#timer);
    if (atOnce?.aborted) return;
    await Promise.race([this.round(), pause(endMs, undefined, { ref: false })]);
  }

  /** Has signed whatever is new; one round at a time. Never rejects. */
  round(): Promise<void> {
    this.#last = this.#last.then(() => this.#roundNow());
    return this.#last;
  }

  async #roundNow(): Promise<void> {
    const { links, audit, isKnown } = this.#host;
    const given: Given[] = [];
    for (const writer of carried) {
      const lengths = await this.#try(writer, () => (writer === "broker" ? this.#askBroker() : links.lengths(writer)));
      for (const [name, length] of Object.entries(lengths ?? {})) {
        // The front is asked what it holds, not whom there is.
        if (!namePattern.test(name) || (writer === "front" && !isKnown(name))) continue;
        if (length > audit.lastSigned(name, writer))
          await this.#try(`${name}/${writer}`, () => this.#sign(name, writer, given));
      }
      if (lengths !== undefined) this.#lookForCuts(writer, lengths);
    }
    if (given.length === 0) return;
    // One commit for all of them. Lost in a kill, they are asked for again.
    const keep = (): void => given.forEach((one) => audit.keepSignature(one.name, one.writer, one.signature));
    await this.#try("signatures", async () => audit.together(keep));
  }

  /** A gate asks for its signatures itself: that it gets none any more is known to the broker alone. */
  async #askBroker(): Promise<Record<string, number>> {
    const { lengths, disputed } = await this.#host.links.broker();
    for (const [name, writer] of disputed.map((chain) => chain.split("/"))) {
      if (name !== undefined && writer === "gate") this.#host.onDisputed(name, writer);
    }
    return lengths;
  }

  /** A chain that is shorter than it was signed has nothing new to sign, and would be silent until it has grown again. */
  #lookForCuts(writer: Carried, lengths: Readonly<Record<string, number>>): void {
    const { audit, log, onDisputed } = this.#host;
    // Every deployment has an entry of its deploy there, also one whose other chain is gone.
    for (const name of Object.keys(audit.lengths())) {
      const [length, signed] = [lengths[name] ?? 0, audit.lastSigned(name, writer)];
      const chain = `${name}/${writer}`;
      const why = `it has ${length} entries, and ${signed} were signed`;
      if (length >= signed || this.#said.get(chain) === why) continue;
      this.#said.set(chain, why);
      log.event("head_not_signed", { chain, why });
      onDisputed(name, writer);
    }
  }

  async #sign(name: string, writer: Carried, given: Given[]): Promise<void> {
    const { links, audit, onDisputed } = this.#host;
    let last = audit.lastSigned(name, writer);
    const keep = (signature: Signature): void => {
      last = signature.sequence;
      given.push({ name, writer, signature });
    };
    try {
      if (writer === "broker") {
        const signed = await links.signOwn(name);
        if (signed === undefined) throw new ChainDisputed({ sequence: last, head: "" });
        return keep(signed);
      }
      const digests = async (after: number, limit: number): Promise<SignedStep[]> =>
        (await links.digests(name, writer, after)).slice(0, limit);
      const chain = { lastSigned: () => last, digests, keep };
      while (await signOnward(chain, (request) => links.sign(name, writer, request)));
    } catch (error) {
      if (error instanceof ChainDisputed) onDisputed(name, writer);
      throw error;
    }
  }

  /** A part that is starting again, or a full disk: the next round tries again. */
  async #try<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.#said.delete(what);
      return result;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (this.#said.get(what) !== why)
        this.#host.log.event("head_not_signed", { chain: what, why: why.slice(0, 500) });
      this.#said.set(what, why);
      return undefined;
    }
  }
}
