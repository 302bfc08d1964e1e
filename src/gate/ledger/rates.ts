// Control `rate-limits`: the rates of this deployment on the rows that the Ledger keeps. Called inside a transaction of
// the Ledger, so of two acts that come at once only one gets the last place. What the file does not limit costs nothing.
import type { Refusal } from "../../boundary.ts";
import {
  callLayers,
  decideLayers,
  messageLayers,
  refuseNew,
  type Layer,
  type LayersDecision,
} from "../../controls/limits/layers.ts";
import type { Manifest } from "../../controls/manifest/schema.ts";
import type { RateStore } from "./rate-store.ts";

export class Rates {
  readonly #limits: Manifest["limits"];
  readonly #store: RateStore;

  constructor(limits: Manifest["limits"], store: RateStore) {
    this.#limits = limits;
    this.#store = store;
  }

  /** Takes one message of `user` from all its limits, or from none when one of them is used up. */
  takeMessage(channel: string, user: string, now: number): LayersDecision {
    return this.#take(messageLayers(this.#limits, channel, user), now);
  }

  /** Takes one call from all its limits; returns why it may not run when one of them is used up. Ask this last. */
  takeCall({ thread, user }: { thread: string; user: string }, now: number): Refusal | undefined {
    const [channel = ""] = thread.split(":");
    const decision = this.#take(callLayers(this.#limits, channel, user), now);
    return decision.allowed ? undefined : decision.refusal;
  }

  #take(layers: readonly Layer[], now: number): LayersDecision {
    const decided = decideLayers(layers, (layer) => this.#store.tat(layer), now);
    const full = decided.allowed ? layers.find((layer) => this.#store.roomAfterMs(layer, now) > 0) : undefined;
    const decision = full ? refuseNew(full, this.#store.roomAfterMs(full, now)) : decided;
    const kept = decision.allowed ? decision.charges : decision.corrections;
    for (const { layer, tat } of kept) this.#store.keep(layer, tat, now);
    return decision;
  }
}
