// Control `rate-limits`: which refusals of too much are told late. Whoever floods a gate asks again the moment it is refused,
// so that work for refusals could take the place of other users' turns. A flood must be as slow as its own refusals; a
// person who was told "too much" now and then must not wait for that. All users count together: names are free.

/** Refusals in one second that are told at once. */
export const mostPrompt = 5;
const windowMs = 1000;
/** How long, on average, the others wait. */
const lateMs = 800;

export class RefusalPace {
  #began = 0;
  #count = 0;

  /** How long to hold back a refusal at `now`, milliseconds; `chance` is from 0 to 1. Not all the same: they would come back all at once. */
  delay(now: number, chance: number): number {
    if (Math.abs(now - this.#began) >= windowMs) {
      this.#began = now;
      this.#count = 0;
    }
    this.#count++;
    return this.#count <= mostPrompt ? 0 : lateMs * (0.5 + chance);
  }
}
