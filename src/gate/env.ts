// What the supervisor hands a gate: two namespaces of its own, the release it serves and digests of the tokens that may
// speak to it. No key, no host name, no address: `fetch` has one way out, the broker's door.
import type { DurableObject } from "cloudflare:workers";
import { releaseSchema, type Release } from "../controls/manifest/release.ts";
import type { Ledger } from "./ledger.ts";
import type { Thread } from "./thread.ts";

export interface Env {
  readonly RELEASE: string;
  readonly TOKENS: string;
  readonly THREAD: DurableObjectNamespace;
  readonly LEDGER: DurableObjectNamespace;
}

export interface TokenRow {
  readonly digest: string;
  readonly scope: "chat" | "control";
  readonly id: string;
}

let parsed: { text: string; release: Release } | undefined;
let tokens: { text: string; rows: TokenRow[] } | undefined;

/** The release this process serves; parsed once. */
export function openRelease(env: Env): Release {
  if (parsed?.text !== env.RELEASE)
    parsed = { text: env.RELEASE, release: releaseSchema.parse(JSON.parse(env.RELEASE)) };
  return parsed.release;
}

/** Digests of the tokens that may speak to this process; parsed once. */
export function openTokens(env: Env): readonly TokenRow[] {
  if (tokens?.text !== env.TOKENS) tokens = { text: env.TOKENS, rows: JSON.parse(env.TOKENS) as TokenRow[] };
  return tokens.rows;
}

/** The methods of a Durable Object as its callers see them: workerd's own mapped type does not end on recursive JSON. */
type Remote<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

/** The one Ledger of this deployment. */
export function openLedger(env: Env): Remote<Omit<Ledger, keyof DurableObject>> {
  return env.LEDGER.getByName("ledger") as unknown as Remote<Omit<Ledger, keyof DurableObject>>;
}

/** One thread, by the name `channels/` gave it. */
export function openThread(env: Env, key: string): Remote<Omit<Thread, keyof DurableObject>> {
  return env.THREAD.getByName(key) as unknown as Remote<Omit<Thread, keyof DurableObject>>;
}
