// Control `rate-limits`: how many signatures are checked at once. Whoever has no secret can still send what has to be
// checked, and each check takes a place at the door that tool calls and the model need too: so few are there for all.
// A place is given back by time as well: the engine ends the request of a caller who has gone in the middle.

export const mostChecks = 8;
/** Longer than a check may take, milliseconds. */
const forgottenMs = 10_000;

export class Checks {
  readonly #begun = new Map<symbol, number>();

  /** A place at `now`, milliseconds since the epoch, if there is one. */
  enter(now: number): symbol | undefined {
    for (const [place, at] of this.#begun) if (Math.abs(now - at) > forgottenMs) this.#begun.delete(place);
    if (this.#begun.size >= mostChecks) return undefined;
    const place = Symbol("check");
    this.#begun.set(place, now);
    return place;
  }

  leave(place: symbol): void {
    this.#begun.delete(place);
  }
}
