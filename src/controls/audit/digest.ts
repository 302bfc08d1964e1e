// Control `audit`: the one place outside the vault that hashes. `node:crypto` runs the same in Node and in workerd and,
// unlike WebCrypto, inside a storage transaction.
import { createHash } from "node:crypto";

/** SHA-256 of UTF-8 text or bytes, as 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
