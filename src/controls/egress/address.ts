// Control `callbacks`: is this address public? An attacker wants the machine's own services, the private network or a
// cloud's metadata address, spelt so that a list of texts misses it (CVE-2023-42282, CVE-2024-29415, CVE-2026-43929).
// Must stay true: an address is parsed to bytes and compared by prefix, never as text; IPv6 is an allow-list; whatever
// does not parse is refused. Sources: IANA special-purpose registries, RFC 4291, 5214, 6052, 6890, 8215.
import { refused, type Checked, type Moment, quoted, allowed } from "./refusal.ts";

interface Block {
  readonly text: string;
  readonly bits: number;
  readonly bytes: Uint8Array;
  readonly why: string;
}

/** Addresses that no public service has. */
const specialV4 = blocks([
  ["0.0.0.0/8", "this network"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "carrier-grade NAT"],
  ["127.0.0.0/8", "loopback"],
  ["168.63.129.16/32", "Azure WireServer"],
  ["169.254.0.0/16", "link-local and cloud metadata"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "IETF protocol assignments"],
  ["192.0.2.0/24", "documentation"],
  ["192.88.99.0/24", "6to4 relay"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "benchmarking"],
  ["198.51.100.0/24", "documentation"],
  ["203.0.113.0/24", "documentation"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
]);

/** The only IPv6 block that holds public unicast addresses... */
const publicV6 = block("2000::/3", "global unicast");
/** ...minus these. */
const specialV6 = blocks([
  ["2001::/23", "IETF protocol assignments, Teredo"],
  ["2001:db8::/32", "documentation"],
  ["2002::/16", "6to4"],
  ["3fff::/20", "documentation"],
]);

/** What a *name* under egress.allow_internal may resolve to besides public addresses: a network, never metadata. */
const internalBlocks = blocks([
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "carrier-grade NAT"],
  ["127.0.0.0/8", "loopback"],
  ["172.16.0.0/12", "private"],
  ["192.168.0.0/16", "private"],
  ["::1/128", "loopback"],
  ["fc00::/7", "unique local"],
]);
/** Metadata addresses that lie inside the blocks above. */
const metadata = blocks([
  ["100.100.100.200/32", "Alibaba Cloud metadata"],
  ["fd00:ec2::254/128", "AWS metadata"],
  ["fd20:ce::254/128", "Google Cloud metadata"],
]);

/**
 * Bytes of an address in canonical text: IPv4 as four decimal parts without leading zeros, IPv6 as RFC 4291 section 2.2
 * without a zone. Everything else, octal and hexadecimal spellings included, is null.
 */
export function parseAddress(text: string): Uint8Array | null {
  if (text.length > 45) return null;
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

/** The address a URL host spells, or null for a name. `host` is `URL.hostname`, IPv6 in brackets. */
export function parseHostAddress(host: string): Uint8Array | null {
  return parseAddress(host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host);
}

/**
 * Refuses every address that is not public.
 * @param text an address as a resolver or a socket prints it
 */
export function decideAddress(text: string, moment: Moment): Checked<Uint8Array> {
  const bytes = parseAddress(text);
  if (bytes === null)
    return refused("callbacks", "address.unparsable", `${quoted(text)} is not an IP address (at ${moment})`);
  const reason = whyNotPublic(bytes);
  if (reason === null) return allowed(bytes);
  return refused(
    "callbacks",
    "address.special",
    `${quoted(text)} is not a public address: ${reason} (at ${moment}); if it is meant, list its HOST:PORT under egress.allow_internal`,
  );
}

/**
 * The rule for what a name under `egress.allow_internal` resolved to: public, private or loopback, but never link-local,
 * multicast, metadata or an address that hides another one.
 */
export function decideListedAddress(text: string, moment: Moment): Checked<Uint8Array> {
  const bytes = parseAddress(text);
  if (bytes === null)
    return refused("callbacks", "address.unparsable", `${quoted(text)} is not an IP address (at ${moment})`);
  const hit = find(metadata, bytes);
  if (hit === null && (find(internalBlocks, bytes) !== null || whyNotPublic(bytes) === null)) return allowed(bytes);
  return refused(
    "callbacks",
    "address.special",
    `${quoted(text)} is neither public nor an internal network: ${hit?.why ?? whyNotPublic(bytes) ?? "not listed"} (at ${moment}); list the address itself if it is meant`,
  );
}

/** Two spellings of one address give the same key. */
export function addressKey(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function whyNotPublic(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return describe(find(specialV4, bytes));
  const inside = embeddedV4(bytes);
  if (inside !== null) return `it carries the IPv4 address ${inside}`;
  if (!isInside(publicV6, bytes)) return "outside 2000::/3, the only public IPv6 block";
  return describe(find(specialV6, bytes));
}

/** Only for the message and for ISATAP: each of the other forms is outside the public block or in a special one. */
function embeddedV4(bytes: Uint8Array): string | null {
  const group = (index: number): number => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0);
  const isZero = (from: number, to: number): boolean => bytes.subarray(from, to).every((byte) => byte === 0);
  const last = bytes.subarray(12);
  // RFC 5214: the interface identifier is 0:5efe or 200:5efe and the IPv4 address, under any prefix.
  if (group(5) === 0x5efe && (group(4) === 0 || group(4) === 0x200)) return printV4(last);
  if (isZero(0, 10) && group(5) === 0xffff) return printV4(last);
  if (isZero(0, 12) && !isZero(12, 14)) return printV4(last);
  if (isZero(0, 8) && group(4) === 0xffff && group(5) === 0) return printV4(last);
  if (group(0) === 0x64 && group(1) === 0xff9b) return printV4(last);
  if (group(0) === 0x2002) return printV4(bytes.subarray(2, 6));
  // RFC 4380: Teredo stores the client's address inverted.
  if (group(0) === 0x2001 && group(1) === 0) return printV4(last.map((byte) => byte ^ 0xff));
  return null;
}

function parseV4(text: string): Uint8Array | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part))) return null;
  const numbers = parts.map(Number);
  return numbers.every((number) => number <= 255) ? Uint8Array.from(numbers) : null;
}

function parseV6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? "", halves.length === 1);
  const tail = parseGroups(halves[1] ?? "", true);
  if (head === null || tail === null) return null;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return null;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** Bytes of colon-separated groups; the last one may be an IPv4 address where the text ends with it. */
function parseGroups(text: string, isEnd: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (isEnd && index === groups.length - 1 && group.includes(".")) {
      const four = parseV4(group);
      if (four === null) return null;
      bytes.push(...four);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function blocks(rows: ReadonlyArray<readonly [string, string]>): readonly Block[] {
  return rows.map(([text, why]) => block(text, why));
}

function block(text: string, why: string): Block {
  const [base = "", bits = ""] = text.split("/");
  const bytes = parseAddress(base);
  if (bytes === null) throw new Error(`not an address block: ${text}`);
  return { text, bits: Number(bits), bytes, why };
}

function find(list: readonly Block[], bytes: Uint8Array): Block | null {
  return list.find((candidate) => isInside(candidate, bytes)) ?? null;
}

function isInside(candidate: Block, bytes: Uint8Array): boolean {
  if (candidate.bytes.length !== bytes.length) return false;
  const whole = candidate.bits >> 3;
  for (let index = 0; index < whole; index++) if (candidate.bytes[index] !== bytes[index]) return false;
  const rest = candidate.bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((candidate.bytes[whole] ?? 0) & mask) === ((bytes[whole] ?? 0) & mask);
}

function describe(hit: Block | null): string | null {
  return hit === null ? null : `${hit.text}, ${hit.why}`;
}

function printV4(bytes: Uint8Array): string {
  return bytes.join(".");
}
