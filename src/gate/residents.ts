// Control `rate-limits`, `runtime`: how many conversations this process has in memory. Each one that is looked at is an
// object with a database of its own, about half a megabyte, until nobody has touched it for a while; whoever names new
// conversations without end, or only asks after them, would have the gate killed for its memory. So there are places for
// so many at once, and one user leaves some of them to others. In memory only, like what it counts.
import { personKey } from "../controls/access/people.ts";

/** Conversations in memory at once, and of one user. */
export const maxResidents = 250;
export const maxResidentsOfUser = 200;
/** The engine puts away what nobody has touched for 10 to 20 seconds. */
const keptMs = 20_000;

export class Residents {
  /** By thread, whoever was touched longest ago first. */
  readonly #touched = new Map<string, { readonly at: number; readonly user: string }>();

  /** Whether there is a place for this conversation at `now`, milliseconds since the epoch. */
  hasPlace(thread: string, user: string, now: number): boolean {
    for (const [key, { at }] of this.#touched) {
      if (at <= now && now - at < keptMs) break;
      this.#touched.delete(key);
    }
    if (this.#touched.has(thread)) return true;
    const person = personKey(user);
    const own = [...this.#touched.values()].filter((one) => one.user === person).length;
    return this.#touched.size < maxResidents && own < maxResidentsOfUser;
  }

  /** It is in memory from now on. */
  touch(thread: string, user: string, now: number): void {
    this.#touched.delete(thread);
    this.#touched.set(thread, { at: now, user: personKey(user) });
  }
}

/** The conversations of this process; all its requests share one memory. */
export const residents = new Residents();
