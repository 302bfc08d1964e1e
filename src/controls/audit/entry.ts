// Control `audit`: what one entry of a chain is. An attacker wants to change, drop, reorder or insert an entry after
// the fact: each entry's digest covers all its members, and each head covers the head before it.
import { z } from "zod";
import type { Json } from "../../boundary.ts";
import { canonicalJson } from "../manifest/hash.ts";
import { nextHead, type Standing } from "./chain.ts";
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

export const chainEntry = z.strictObject({
  v: z.literal(1),
  seq: z.int().min(1),
  at: z.string(),
  event: z.string(),
  thread: z.string().optional(),
  turn: z.int().optional(),
  callId: z.string().optional(),
  detail: z.record(z.string(), z.json()),
});

/** An entry as it is stored: `text` is its canonical JSON, and the chain stands at `standing` after it. */
export interface Link {
  readonly text: string;
  readonly digest: string;
  readonly standing: Standing;
}

/** The entry that follows where a chain stands. Every writer of a chain goes through here. */
export function linkAfter({ sequence, head }: Standing, body: EntryBody): Link {
  const entry: ChainEntry = { ...body, seq: sequence + 1 };
  const text = canonicalJson(entry);
  const digest = digestOfText(text);
  return { text, digest, standing: { sequence: entry.seq, head: nextHead(head, digest) } };
}

/** SHA-256, hex, over the canonical JSON of a chain entry. */
export function entryDigest(entry: ChainEntry): string {
  return digestOfText(canonicalJson(entry));
}

/** The same of an entry whose canonical JSON is at hand. */
export function digestOfText(text: string): string {
  return sha256Hex(`ambit-entry-v1\n${text}`);
}
