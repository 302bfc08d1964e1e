// Control `audit`: the arithmetic of the head of a deployment's chain, and nothing else. The gate computes it to ask for
// a signature and the broker computes it again before it signs, so both must read the same lines here. An attacker wants
// a shorter or a rewritten history under a valid signature: every head names all digests before it, in their order.
import { createHash } from "node:crypto";

/**
 * Head of a chain without entries. The deployment's name is part of it, so that no chain can be passed off as another's.
 * @returns 64 hex digits
 */
export function genesisHead(deployment: string): string {
  return sha256Hex(`ambit-genesis-v1\n${deployment}`);
}

/**
 * Head after one more entry.
 * @param previous head before it, 64 hex digits
 * @param digest SHA-256 of the entry, 64 hex digits
 */
export function nextHead(previous: string, digest: string): string {
  return sha256Hex(`ambit-chain-v1\n${previous}\n${digest}`);
}

function sha256Hex(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}
