// Control `audit`: the broker as outside witness. After new entries the head is signed by the broker, which recomputes it
// from the last head it signed: a gate that cut or rewrote its chain gets no signature. Signing waits for nobody and
// nobody waits for it; what is not signed yet shows.
import { doorHosts, signAnswer, signConflict } from "../../controls/wire/door.ts";
import { fetchThroughDoor } from "../door.ts";
import type { ChainStore } from "./chain-store.ts";

const pauseMs = 250;
const batch = 1000;
const limitMs = 30_000;

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
      console.error(
        JSON.stringify({ event: "head_not_signed", message: thrown instanceof Error ? thrown.message : "" }),
      );
    }
  }

  async #signBatch(): Promise<void> {
    const from = this.#chain.lastSigned();
    const rows = this.#chain.read(from, batch);
    const last = rows.at(-1);
    if (!last) return;
    const asked = { sequence: last.entry.seq, head: last.head, digests: rows.map((row) => row.digest) };
    const answer = await ask(asked);
    if (answer.status !== 409) return this.#keep(answer, asked);
    // Killed after the broker signed and before that was written down: the broker is ahead, on this very chain.
    const { sequence, head } = signConflict.parse(answer.body);
    const ours = sequence > from ? this.#chain.read(sequence - 1, 1)[0] : undefined;
    if (ours?.head !== head)
      throw new Error(`the broker stands at another head, ${sequence}: this chain was cut or rewritten`);
    const again = { sequence, head, digests: [] };
    this.#keep(await ask(again), again);
  }

  #keep({ status, body }: SignerAnswer, asked: { sequence: number; head: string }): void {
    if (status !== 200) throw new Error(`sign.internal said ${status}: ${JSON.stringify(body).slice(0, 200)}`);
    const signed = signAnswer.parse(body);
    if (signed.sequence !== asked.sequence || signed.head !== asked.head)
      throw new Error("the broker signed another head");
    this.#chain.keepSignature(signed.sequence, signed.head, signed.signature, signed.key);
  }
}

interface SignerAnswer {
  readonly status: number;
  readonly body: unknown;
}

async function ask(body: { sequence: number; head: string; digests: string[] }): Promise<SignerAnswer> {
  const init = { method: "POST", body: JSON.stringify(body), signal: AbortSignal.timeout(limitMs) };
  const response = await fetchThroughDoor(`http://${doorHosts.sign}/head`, init);
  return { status: response.status, body: await response.json() };
}
