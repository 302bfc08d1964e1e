// Control `redeploys`: the name of a release is the SHA-256 of everything in it, so no one can change what runs
// without changing its name. Canonical JSON is RFC 8785. WebCrypto would be async; the hash is taken in the audit room.
import canonicalize from "canonicalize";
import { sha256Hex } from "../audit/digest.ts";
import type { Release } from "./release.ts";

/**
 * Canonical JSON (RFC 8785) of a JSON value; throws on what is none, such as NaN. Half a surrogate pair counts as U+FFFD:
 * RFC 8785 has no form for it, every wire (UTF-8) turns it into that, and a name that a model chose must not be able to
 * stop the audit.
 */
export function canonicalJson(value: unknown): string {
  const text = writeCanonical(value);
  if (text === undefined) throw new Error("not a JSON value");
  return text;
}

function writeCanonical(value: unknown): string | undefined {
  try {
    return canonicalize(value);
  } catch {
    // Half a pair somewhere, or no JSON at all: then this throws too.
    return canonicalize(toWellFormed(value));
  }
}

function toWellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(toWellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toWellFormed(), toWellFormed(member)]));
}

/** SHA-256, hex, over the canonical JSON of a release without its own hash. */
export function hashRelease(parts: Omit<Release, "release">): string {
  return sha256Hex(`ambit-release-v1\n${canonicalJson(parts)}`);
}
