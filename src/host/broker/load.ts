// Control `runtime`: how much of the broker one deployment may use at once. A gate that was taken over wants the broker,
// which all deployments share, out of memory or out of sockets. Must stay true: what a request holds is counted before it
// is held, and given back whatever happens to the request, but not before its answer has left.

export const maxUnderWay = 64;
/** Bodies of requests and buffered answers of one deployment, bytes. */
export const maxHeldBytes = 64 * 1024 * 1024;

export class Load {
  #underWay = 0;
  #bytes = 0;

  get underWay(): number {
    return this.#underWay;
  }

  /** A place for one request, or null when all are taken. */
  enter(): Hold | null {
    if (this.#underWay >= maxUnderWay) return null;
    this.#underWay += 1;
    return new Hold(
      (bytes) => this.#take(bytes),
      (bytes) => {
        this.#bytes -= bytes;
        this.#underWay -= 1;
      },
    );
  }

  #take(bytes: number): boolean {
    if (this.#bytes + bytes > maxHeldBytes) return false;
    this.#bytes += bytes;
    return true;
  }
}

/** What one request holds. */
export class Hold {
  readonly #take: (bytes: number) => boolean;
  readonly #leave: (bytes: number) => void;
  #bytes = 0;

  constructor(take: (bytes: number) => boolean, leave: (bytes: number) => void) {
    this.#take = take;
    this.#leave = leave;
  }

  /** False when the deployment holds too much already; nothing was counted then. */
  take(bytes: number): boolean {
    if (!this.#take(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives everything back. Once, at the end. */
  end(): void {
    this.#leave(this.#bytes);
  }
}
