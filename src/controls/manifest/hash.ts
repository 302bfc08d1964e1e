// Control `redeploys`: the name of a release is the SHA-256 of everything in it, so no one can change what runs
// without changing its name. Canonical JSON is RFC 8785. WebCrypto would be async; the hash is taken in the audit room.
import canonicalize from "canonicalize";
import { sha256Hex } from "../audit/digest.ts";
import type { Release } from "./release.ts";

/** Canonical JSON (RFC 8785) of a JSON value. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new Error("not a JSON value");
  return text;
}

/** SHA-256, hex, over the canonical JSON of a release without its own hash. */
export function hashRelease(parts: Omit<Release, "release">): string {
  return sha256Hex(`ambit-release-v1\n${canonicalJson(parts)}`);
}
