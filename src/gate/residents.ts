// Control `rate-limits`, `runtime`: how many conversations this process has in memory. Each one that is looked at is an
// object with a database of its own, about half a megabyte, until nobody has touched it for a while; whoever names new
// conversations without end, or only asks after them, would have the gate killed for its memory. So there are places for
// so many at once, and one user leaves some of them to others. In memory only, like what it counts.
import { personKey } from "../controls/access/people.ts";

/** Conversations in memory at once, and of one user. */
export const maxResidents = 500;
export const maxResidentsOfUser = 350;
/** The engine puts away what nobody has touched for 10 to 20 seconds. */
const keptMs = 20_000;

interface Place {
  readonly user: string;
  readonly from: number;
  /** When the engine will have put it away, unless somebody looks at it again. */
  readonly until: number;
  /** Requests that look at it now. */
  readonly looking: number;
}

export class Residents {
  readonly #places = new Map<string, Place>();

  /** Whether there is a place for this conversation at `now`, milliseconds since the epoch. */
  hasPlace(thread: string, user: string, now: number): boolean {
    for (const [key, { from, until }] of this.#places) {
      if (from > now || until <= now) this.#places.delete(key);
    }
    if (this.#places.has(thread)) return true;
    const person = personKey(user);
    const own = [...this.#places.values()].filter((one) => one.user === person).length;
    return this.#places.size < maxResidents && own < maxResidentsOfUser;
  }

  /**
   * It is in memory from now on, when there is a place; asked again here, because others may have come in between. Whoever
   * looks for `waitMs` at most may go away without a word: the engine then ends the request in the middle.
   */
  enter(thread: string, user: string, waitMs: number, now: number): boolean {
    if (!this.hasPlace(thread, user, now)) return false;
    const { until = 0, looking = 0 } = this.#places.get(thread) ?? {};
    const place = { from: now, until: Math.max(until, now + waitMs + keptMs), looking: looking + 1 };
    this.#places.set(thread, { user: personKey(user), ...place });
    return true;
  }

  /** One of those who entered looks at it no longer. */
  leave(thread: string, now: number): void {
    const place = this.#places.get(thread);
    if (!place) return;
    const looking = place.looking - 1;
    this.#places.set(thread, { ...place, looking, until: looking > 0 ? place.until : now + keptMs });
  }
}

/** The conversations of this process; all its requests share one memory. */
export const residents = new Residents();
