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
  /** When it was last looked at. */
  readonly at: number;
  /** Requests that look at it now: whoever waits for an answer keeps it in memory. */
  readonly looking: number;
}

export class Residents {
  /** By thread, whoever was touched longest ago first. */
  readonly #places = new Map<string, Place>();

  /** Whether there is a place for this conversation at `now`, milliseconds since the epoch. */
  hasPlace(thread: string, user: string, now: number): boolean {
    for (const [key, { at, looking }] of this.#places) {
      if (looking > 0) continue;
      if (at <= now && now - at < keptMs) break;
      this.#places.delete(key);
    }
    if (this.#places.has(thread)) return true;
    const person = personKey(user);
    const own = [...this.#places.values()].filter((one) => one.user === person).length;
    return this.#places.size < maxResidents && own < maxResidentsOfUser;
  }

  /** It is in memory from now on, when there is a place; asked again here, because others may have come in between. */
  enter(thread: string, user: string, now: number): boolean {
    if (!this.hasPlace(thread, user, now)) return false;
    this.#touch(thread, user, now, 1);
    return true;
  }

  /** Whoever entered looks at it no longer. */
  leave(thread: string, user: string, now: number): void {
    this.#touch(thread, user, now, -1);
  }

  #touch(thread: string, user: string, now: number, more: number): void {
    const looking = (this.#places.get(thread)?.looking ?? 0) + more;
    this.#places.delete(thread);
    this.#places.set(thread, { at: now, user: personKey(user), looking });
  }
}

/** The conversations of this process; all its requests share one memory. */
export const residents = new Residents();
