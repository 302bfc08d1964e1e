// Control `recon`, `rate-limits`: whose word about a client's address counts. An attacker wants to be somebody else in the access
// log, or another one in every request, and writes X-Forwarded-For as he likes. Must stay true: it is read only when the socket's
// own address is a proxy that the operator named, from the right, where that proxy wrote, and no further than the first
// address that is not such a proxy; whatever cannot be read there is not guessed at. Other headers say nothing.
import { BlockList, isIP, SocketAddress } from "node:net";

/** Addresses of proxies, as `--trusted-proxies` names them. */
export type TrustedProxies = Pick<BlockList, "check">;

export const noProxies: TrustedProxies = new BlockList();

/** More hops than any real way has: an endless header is not walked through. */
const mostHops = 32;
const mostProxies = 100;
const usage = "write addresses or networks with commas in between, such as 127.0.0.1,10.0.0.0/8,fd00::/8";

/** Reads a list of addresses and networks; or one line that says what is wrong with it. */
export function parseProxies(text: string): TrustedProxies | string {
  const list = new BlockList();
  const parts = text.split(",");
  if (parts.length > mostProxies) return `--trusted-proxies: at most ${mostProxies} may be named`;
  for (const part of parts) {
    const [, address = "", bits] = /^([0-9a-fA-F.:]{2,45})(?:\/([0-9]{1,3}))?$/.exec(part.trim()) ?? [];
    const kind = isIP(address);
    const most = kind === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : Number(bits);
    if (kind === 0 || prefix > most) return `--trusted-proxies ${part.slice(0, 60)}: ${usage}`;
    if (prefix === 0) return `--trusted-proxies ${part}: that is everybody, and then everybody could claim any address`;
    list.addSubnet(address, prefix, kind === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/** The client's address: the socket's own, or what trusted proxies say of it. `raw` is name, value, name, value, ... */
export function findClient(peer: string, raw: readonly string[], trusted: TrustedProxies): string {
  const own = plainAddress(peer);
  if (own === null || !isTrusted(own, trusted)) return own ?? peer;
  const said = raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === "x-forwarded-for").join(",");
  const hops = said === "" ? [] : said.split(",");
  if (hops.length > mostHops) return own;
  let client = own;
  for (const hop of hops.toReversed()) {
    const address = plainAddress(hop.trim());
    if (address === null) return own;
    client = address;
    if (!isTrusted(address, trusted)) break;
  }
  return client;
}

function isTrusted(address: string, trusted: TrustedProxies): boolean {
  return trusted.check(address, address.includes(":") ? "ipv6" : "ipv4");
}

/** One spelling for each address: IPv4 in IPv6 is IPv4. Null for what is no address; a zone belongs to one machine. */
function plainAddress(text: string): string | null {
  const kind = /^[0-9a-fA-F.:]{2,45}$/.test(text) ? isIP(text) : 0;
  if (kind === 0) return null;
  const { address } = new SocketAddress({ address: text, family: kind === 6 ? "ipv6" : "ipv4" });
  return address.toLowerCase().replace(/^::ffff:(?=[0-9.]+$)/, "");
}
