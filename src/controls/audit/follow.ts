// Control `audit`: a reader that follows a chain from the head that it holds. An attacker wants entries that were shown to be
// exchanged later, or some to be left out, and nobody to notice: each page begins with the entry that is held, must stand under
// the head that is held, and every further entry must lead to its own head. What does not is named, and nothing after it taken.
import { chainId, genesis, nextHead, type Standing, type Writer } from "./chain.ts";
import { entryDigest, type ChainEntry } from "./entry.ts";

/** An entry with the head over all up to it, as its writer says. */
export interface Headed {
  readonly entry: ChainEntry;
  readonly head: string;
}

export interface FollowFault {
  /** `gap`: an entry is missing. `fork`: it does not follow from what is held. `cut`: what is held is not there any more. */
  readonly kind: "gap" | "fork" | "cut";
  /** Number of the entry at fault. */
  readonly sequence: number;
  readonly message: string;
}

export interface Followed {
  readonly taken: readonly Headed[];
  /** Where the reader stands now. */
  readonly standing: Standing;
  readonly fault: FollowFault | undefined;
}

/** Number to ask a page after, so that it begins with the entry that is held. */
export function pageAfter({ sequence }: Standing): number {
  return Math.max(0, sequence - 1);
}

/** Where a reader stands that holds nothing yet. */
export function beginning(deployment: string, writer: Writer): Standing {
  return genesis(chainId(deployment, writer));
}

/** Follows a page that was asked for with `pageAfter`. */
export function followPage(held: Standing, page: readonly Headed[]): Followed {
  const faulty = (fault: FollowFault): Followed => ({ taken: [], standing: held, fault });
  if (held.sequence === 0) return follow(held, page);
  const [first, ...rest] = page;
  const { sequence } = held;
  if (first === undefined) return faulty({ kind: "cut", sequence, message: `entry ${sequence} is not there any more` });
  if (first.entry.seq !== sequence)
    return faulty({ kind: "gap", sequence, message: `entry ${first.entry.seq} comes in place of entry ${sequence}` });
  if (first.head !== held.head)
    return faulty({ kind: "fork", sequence, message: `entry ${sequence} stands under another head than before` });
  return follow(held, rest);
}

function follow(held: Standing, entries: readonly Headed[]): Followed {
  const taken: Headed[] = [];
  let standing = held;
  for (const { entry, head } of entries) {
    const sequence = standing.sequence + 1;
    if (entry.seq !== sequence) {
      const message = `entry ${entry.seq} comes where entry ${sequence} should`;
      return { taken, standing, fault: { kind: "gap", sequence, message } };
    }
    if (nextHead(standing.head, entryDigest(entry)) !== head) {
      const message = `entry ${sequence} does not follow from the entries before it`;
      return { taken, standing, fault: { kind: "fork", sequence, message } };
    }
    taken.push({ entry, head });
    standing = { sequence, head };
  }
  return { taken, standing, fault: undefined };
}
