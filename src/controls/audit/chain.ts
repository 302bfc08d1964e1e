// Control `audit`: the arithmetic of a chain's head, and nothing else. Four writers keep a chain for each deployment and
// the broker computes their heads again before it signs, so all read the same lines here. An attacker wants a shorter or
// a rewritten history, or another's, under a valid signature: every head names all digests before it, in their order,
// and begins with the name of its chain. docs/audit.md says the same in words, for whoever verifies without us.
import { sha256Hex } from "./digest.ts";

/** Who keeps a chain for a deployment. The admin's is written by the supervisor, so that the admin process cannot leave an act out. */
export const writers = ["admin", "broker", "front", "gate"] as const;
export type Writer = (typeof writers)[number];

/** Where a chain stands: the number of its entries and the head over all of them. */
export interface Standing {
  readonly sequence: number;
  /** 64 hex digits. */
  readonly head: string;
}

/** Name of a chain, such as `payables-clerk/gate`. */
export function chainId(deployment: string, writer: Writer): string {
  return `${deployment}/${writer}`;
}

/**
 * Where a chain without entries stands. Its name is part of the head, so that no chain can be passed off as another's.
 * @param chain as `chainId` makes it
 */
export function genesis(chain: string): Standing {
  return { sequence: 0, head: sha256Hex(`ambit-genesis-v1\n${chain}`) };
}

/**
 * Head after one more entry.
 * @param previous head before it, 64 hex digits
 * @param digest SHA-256 of the entry, 64 hex digits
 */
export function nextHead(previous: string, digest: string): string {
  return sha256Hex(`ambit-chain-v1\n${previous}\n${digest}`);
}

/** What the broker signs, with Ed25519, when it has seen how a chain came to stand there. */
export function headText(chain: string, { sequence, head }: Standing): string {
  return `ambit-head-v1\n${chain}\n${sequence}\n${head}`;
}
