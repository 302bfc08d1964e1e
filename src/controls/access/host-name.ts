// Controls `schemas`, `gateway-tokens`: which deployment a `Host` header means. An attacker wants a name that this side reads as
// one deployment's and a proxy or a browser as another's: an upper-case letter, a dot at the end, a port, a letter that only
// looks like another. Must stay true: a name has one spelling (lower-case ASCII, encoded labels that decode to themselves),
// what is not exactly HOST or HOST:PORT is no name, and nothing is guessed.
import { isEncodedLabel } from "../egress/punycode.ts";

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const authority = /^([A-Za-z0-9._-]{1,254}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?$/;

/** True for a name in its one spelling, with at least two labels, that is no address. */
export function isHostName(name: string): boolean {
  const labels = name.split(".");
  return (
    name.length <= 253 &&
    labels.length > 1 &&
    labels.every((part) => label.test(part) && (!part.startsWith("xn--") || isEncodedLabel(part))) &&
    !/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")
  );
}

/**
 * Reads a `Host` header. Null: it may be read in two ways and is to be refused. `name` is null where it is well-formed but no
 * name that a deployment could have: an address, a single label.
 */
export function parseHost(header: string): { readonly name: string | null } | null {
  const [, host, port] = authority.exec(header) ?? [];
  if (host === undefined || Number(port ?? "1") > 65_535 || port === "0") return null;
  if (host.startsWith("[")) return { name: null };
  const name = host.toLowerCase().replace(/\.$/, "");
  const parts = name.split(".");
  if (parts.some((part) => part === "" || (part.startsWith("xn--") && !isEncodedLabel(part)))) return null;
  return { name: isHostName(name) ? name : null };
}
