// The part of node:crypto that workerd offers and the gate's rooms use; the gate is checked without Node's own types.
declare module "node:crypto" {
  interface Hash {
    update(data: string | Uint8Array, encoding?: "utf8"): Hash;
    digest(): Uint8Array;
    digest(encoding: "hex" | "base64"): string;
  }
  export function createHash(algorithm: "sha256"): Hash;
  export function createHmac(algorithm: "sha256", key: Uint8Array): Hash;
  export function timingSafeEqual(a: Uint8Array, b: Uint8Array): boolean;
}
