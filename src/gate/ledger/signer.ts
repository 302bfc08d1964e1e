// Control `audit`: the broker as outside witness. After new entries the head is signed by the broker, which recomputes it
// from the last head it signed: a gate that cut or rewrote its chain gets no signature. Signing waits for nobody and
// nobody waits for it; what is not signed yet shows.
import { doorHosts, signAnswer } from "../../controls/wire/door.ts";
import { fetchThroughDoor } from "../door.ts";
import type { ChainStore } from "./chain-store.ts";

const pauseMs = 250;
const batch = 1000;

export class HeadSigner {
  readonly #chain: ChainStore;
  readonly #waitUntil: (work: Promise<unknown>) => void;
  #scheduled = false;

  constructor(chain: ChainStore, waitUntil: (work: Promise<unknown>) => void) {
    this.#chain = chain;
    this.#waitUntil = waitUntil;
  }

  /** Asks for a signature soon; many commits in a row share one. */
  schedule(): void {
    if (this.#scheduled || this.#chain.lastSigned() >= this.#chain.head().seq) return;
    this.#scheduled = true;
    this.#waitUntil(this.#signAll());
  }

  async #signAll(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    this.#scheduled = false;
    try {
      while (this.#chain.lastSigned() < this.#chain.head().seq) await this.#signBatch();
    } catch (thrown) {
      console.error(JSON.stringify({ event: "head_not_signed", message: thrown instanceof Error ? thrown.message : "" }));
    }
  }

  async #signBatch(): Promise<void> {
    const rows = this.#chain.read(this.#chain.lastSigned(), batch);
    const last = rows.at(-1);
    if (!last) return;
    const body = { sequence: last.entry.seq, head: last.head, digests: rows.map((row) => row.digest) };
    const response = await fetchThroughDoor(`http://${doorHosts.sign}/head`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`sign.internal said ${response.status}: ${(await response.text()).slice(0, 200)}`);
    const signed = signAnswer.parse(await response.json());
    this.#chain.keepSignature(signed.sequence, signed.head, signed.signature, signed.key);
  }
}
