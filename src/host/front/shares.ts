// Control `rate-limits`, `runtime`: how many requests of one deployment are under way. A gate that hangs, and whoever may
// send to it, want every connection of the front waiting for it. So each deployment has a share, what is over it is
// refused at once, and a place is given back whatever becomes of its request.

export class Shares {
  readonly #most: number;
  readonly #underWay = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a place; returns what gives it back, to be called once, or null when all are taken. */
  enter(deployment: string): (() => void) | null {
    const count = this.#underWay.get(deployment) ?? 0;
    if (count >= this.#most) return null;
    this.#underWay.set(deployment, count + 1);
    return () => {
      const left = (this.#underWay.get(deployment) ?? 1) - 1;
      if (left === 0) this.#underWay.delete(deployment);
      else this.#underWay.set(deployment, left);
    };
  }
}
