// Control `audit`: the broker as outside witness of this gate. After new entries the head is signed by the broker, which
// recomputes it from the last head it signed: a gate that cut or rewrote its chain gets no signature. Signing waits for
// nobody and nobody waits for it; what is not signed yet shows.
import { signOnward, type HeadAnswer, type HeadRequest } from "../../controls/audit/sign-onward.ts";
import { doorHosts, signAnswer, signConflict } from "../../controls/wire/door.ts";
import { fetchThroughDoor } from "../door.ts";
import { withLimit } from "../time-limit.ts";
import type { ChainStore } from "./chain-store.ts";

const pauseMs = 250;
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
    if (this.#scheduled || this.#chain.lastSigned() >= this.#chain.standing().sequence) return;
    this.#scheduled = true;
    this.#waitUntil(this.#signAll());
  }

  /** One at a time: two that sign at once would each find that the broker signed another head. */
  async #signAll(): Promise<void> {
    try {
      do await new Promise((resolve) => setTimeout(resolve, pauseMs));
      while (await signOnward(this.#chain, ask));
    } catch (thrown) {
      console.error(
        JSON.stringify({ event: "head_not_signed", message: thrown instanceof Error ? thrown.message : "" }),
      );
    } finally {
      this.#scheduled = false;
    }
  }
}

async function ask(body: HeadRequest): Promise<HeadAnswer> {
  const { response, answer } = await withLimit(limitMs, async (signal) => {
    const init = { method: "POST", body: JSON.stringify(body), signal };
    const given = await fetchThroughDoor(`http://${doorHosts.sign}/head`, init);
    return { response: given, answer: (await given.json()) as unknown };
  });
  if (response.status === 200) return { signed: signAnswer.parse(answer) };
  if (response.status !== 409)
    throw new Error(`sign.internal said ${response.status}: ${JSON.stringify(answer).slice(0, 200)}`);
  const { sequence, head } = signConflict.parse(answer);
  return { stands: { sequence, head } };
}
