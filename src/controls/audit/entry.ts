// Control `audit`: what one entry of a chain is. An attacker wants to change, drop, reorder or insert an entry after
// the fact: each entry's digest covers all its members, and each head covers the head before it.
import { canonicalJson } from "../manifest/hash.ts";
import type { Json } from "../../boundary.ts";
import { sha256Hex } from "./digest.ts";

/** What a writer reports; the chain adds `seq`. */
export interface EntryBody {
  readonly v: 1;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** What happened, such as `call_admitted`. */
  readonly event: string;
  readonly thread?: string;
  readonly turn?: number;
  readonly callId?: string;
  readonly detail: { readonly [key: string]: Json };
}

/** An entry of a thread, with its place in that thread: entries of one thread enter the chain in this order, once. */
export interface ThreadEntry {
  /** 1-based, without gaps within a thread. */
  readonly n: number;
  readonly body: EntryBody;
}

export interface ChainEntry extends EntryBody {
  /** 1-based, without gaps within a chain. */
  readonly seq: number;
}

/** SHA-256, hex, over the canonical JSON of a chain entry. */
export function entryDigest(entry: ChainEntry): string {
  return sha256Hex(`ambit-entry-v1\n${canonicalJson(entry)}`);
}
