// Control `audit`: how the writer of a chain has its head signed. The broker signs only what follows from the head that it
// signed last, so a writer sends the digests since then. Killed after the broker signed and before that was written down,
// a writer finds the broker ahead, on this very chain, and takes that signature. A broker that stands anywhere else says
// that this chain was cut or rewritten: that is never papered over.
import type { Signature } from "../wire/audit.ts";
import type { Standing } from "./chain.ts";

/** A chain as its writer holds it. */
export interface SignedChain {
  /** Number of the last entry whose head was signed, 0 for none. */
  lastSigned(): number;
  /** What follows entry `after`, in order, at most `limit`. */
  digests(after: number, limit: number): Promise<readonly SignedStep[]>;
  keep(signature: Signature): void;
}

export interface SignedStep {
  readonly digest: string;
  readonly standing: Standing;
}

export interface HeadRequest extends Standing {
  readonly digests: readonly string[];
}

/** The broker's answer: a signature, or where it stands instead. */
export type HeadAnswer = { readonly signed: Signature } | { readonly stands: Standing };

/** Digests that are sent at once. */
const batch = 1000;

/** Has the next part of a chain signed. False when there was nothing to sign. Throws when the broker will not sign. */
export async function signOnward(
  chain: SignedChain,
  ask: (request: HeadRequest) => Promise<HeadAnswer>,
): Promise<boolean> {
  const from = chain.lastSigned();
  const steps = await chain.digests(from, batch);
  const last = steps.at(-1);
  if (!last) return false;
  const asked = { ...last.standing, digests: steps.map(({ digest }) => digest) };
  const answer = await ask(asked);
  if ("signed" in answer) keep(chain, answer.signed, asked);
  else await catchUp(chain, ask, from, answer.stands);
  return true;
}

async function catchUp(
  chain: SignedChain,
  ask: (request: HeadRequest) => Promise<HeadAnswer>,
  from: number,
  stands: Standing,
): Promise<void> {
  const [ours] = stands.sequence > from ? await chain.digests(stands.sequence - 1, 1) : [];
  const again = { ...stands, digests: [] };
  const answer = ours?.standing.head === stands.head ? await ask(again) : undefined;
  if (answer === undefined || !("signed" in answer)) throw new ChainDisputed(stands);
  keep(chain, answer.signed, again);
}

function keep(chain: SignedChain, signed: Signature, asked: Standing): void {
  if (signed.sequence !== asked.sequence || signed.head !== asked.head)
    throw new Error("the broker signed another head");
  chain.keep(signed);
}

/** The broker signed a head that is not one of this chain. */
export class ChainDisputed extends Error {
  override readonly name = "ChainDisputed";
  constructor({ sequence }: Standing) {
    super(`the broker signed another head at entry ${sequence}: this chain was cut or rewritten`);
  }
}
