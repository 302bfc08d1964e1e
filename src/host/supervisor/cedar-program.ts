// Control `runtime`: the gate program with Cedar in it, brought once, when a deployment first needs it. A gate whose release
// names a policy file never starts without: it would serve with fewer rules than its file says.
import type { Release } from "../../controls/manifest/release.ts";
import type { CedarPrograms } from "./programs.ts";

export class CedarProgram {
  readonly #bring: () => Promise<CedarPrograms>;
  #bringing: Promise<CedarPrograms> | undefined;
  #brought: CedarPrograms | undefined;
  #fault = "the program with Cedar in it is not there";

  constructor(bring: () => Promise<CedarPrograms>) {
    this.#bring = bring;
  }

  /** Makes sure that `find` has an answer for this release. Rejects with words for the operator. */
  async prepare(release: Release): Promise<void> {
    if (release.policy === null) return;
    try {
      this.#brought = await (this.#bringing ??= this.#bring());
    } catch (error) {
      // The next deploy may have better luck.
      this.#bringing = undefined;
      this.#fault = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  /** Why a gate of this release cannot be started. */
  faultOf(release: Release): string | undefined {
    return release.policy === null || this.#brought ? undefined : this.#fault;
  }

  /** What a gate of this release runs with Cedar in it; undefined when it needs none. Throws when it was not prepared. */
  find(release: Release): CedarPrograms | undefined {
    const fault = this.faultOf(release);
    if (fault !== undefined) throw new Error(fault);
    return release.policy === null ? undefined : this.#brought;
  }
}
