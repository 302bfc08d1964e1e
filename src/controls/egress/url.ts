// Control `callbacks`: the URL rules, in the order of the table below. An attacker writes a URL that one parser reads as
// a public host and another as the machine itself. Must stay true: one parse (WHATWG), the object that was checked is the
// object that is dialled, and each rule only ever takes away. The one door past the rules for schemes, names, addresses
// and ports is a HOST:PORT that the operator listed under `egress.allow_internal`.
//
//   url.length  url.ambiguous  url.scheme  url.parse  url.userinfo  host.percent  host.single-label  host.characters
//   host.internal-name  address.special  port          (with DNS answers: address.special, dns.no-answer)
import { decideAddress, decideListedAddress, parseHostAddress } from "./address.ts";
import { isEncodedLabel } from "./punycode.ts";
import { allowed, quoted, refused, type Checked, type Moment } from "./refusal.ts";

/** What the operator wrote down besides public https hosts. */
export interface Listed {
  /** `host:port` of `egress.allow_internal`, as `hostPort` spells them. */
  readonly internal: ReadonlySet<string>;
  /** Ports below 1024 that a rule of the manifest names. */
  readonly ports: ReadonlySet<number>;
}

export const nothingListed: Listed = { internal: new Set(), ports: new Set() };

/** A URL that passed. Dial `host` and `port`, never a second parse of the text. */
export interface CheckedUrl {
  readonly url: URL;
  /** Lower-case name without its trailing dot, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly isAddress: boolean;
  /** True when `host:port` is listed under `egress.allow_internal`. */
  readonly isListed: boolean;
}

/** Largest URL that is looked at, characters. */
const maxUrlLength = 2048;

const internalSuffixes = [
  "localhost",
  "local",
  "localdomain",
  "internal",
  "intranet",
  "lan",
  "home",
  "home.arpa",
  "corp",
  "private",
  "svc",
  "cluster.local",
];
const internalNames = new Set([
  "metadata",
  "metadata.google.internal",
  "instance-data",
  "kubernetes",
  "ip6-localhost",
  "ip6-loopback",
  "host.docker.internal",
  "gateway.docker.internal",
]);

/**
 * Checks everything about a URL that can be checked without DNS.
 * @param text what was typed, or the target of a request, as it is
 */
export function decideUrl(text: unknown, listed: Listed, moment: Moment): Checked<CheckedUrl> {
  if (typeof text !== "string" || text.length > maxUrlLength) {
    return refused(
      "callbacks",
      "url.length",
      `the URL is not a text of at most ${maxUrlLength} characters (at ${moment})`,
    );
  }
  const deny = (reason: string, why: string): Checked<CheckedUrl> =>
    refused("callbacks", reason, `${quoted(text)}: ${why} (at ${moment})`);
  // oxlint-disable-next-line no-control-regex -- control characters are what this rule is about
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return deny("url.ambiguous", "a control character, a space or a backslash");
  if (!/^https?:\/\/[^/]/i.test(text)) return deny("url.scheme", "it must start with https://");
  const url = URL.parse(text);
  if (url === null) return deny("url.parse", "it is not a URL");
  const authority = (/^[^:]+:\/\/([^/?#]*)/.exec(text) ?? [])[1] ?? "";
  const checked = describeUrl(url, listed);
  if (!checked.isTls && !checked.isListed) {
    return deny(
      "url.scheme",
      "it must start with https://; plain http only to a HOST:PORT under egress.allow_internal",
    );
  }
  if (url.username !== "" || url.password !== "" || authority.includes("@"))
    return deny("url.userinfo", "a user or a password in it");
  if (authority.includes("%")) return deny("host.percent", "a percent sign in the host");
  if (checked.isListed) return allowed(checked);
  return checked.isAddress ? decideLiteral(checked, listed, moment) : decideName(checked, listed, deny);
}

/**
 * Checks what a name resolved to; every answer must pass, because any of them may be dialled.
 * @param answers all addresses the resolver gave, as text
 */
export function decideAnswers(
  target: CheckedUrl,
  answers: readonly string[],
  moment: Moment,
): Checked<readonly Uint8Array[]> {
  if (answers.length === 0)
    return refused("callbacks", "dns.no-answer", `${quoted(target.host)} has no address (at ${moment})`);
  const passed: Uint8Array[] = [];
  for (const answer of answers) {
    const verdict = target.isListed ? decideListedAddress(answer, moment) : decideAddress(answer, moment);
    if (verdict.verdict === "refuse") return nameHost(target.host, verdict);
    passed.push(verdict.value);
  }
  return allowed(passed);
}

/** `host:port` as `Listed.internal` holds it; IPv6 in brackets, names in lower case without a trailing dot. */
export function hostPort(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function describeUrl(url: URL, listed: Listed): CheckedUrl {
  const isTls = url.protocol === "https:";
  const port = url.port === "" ? (isTls ? 443 : 80) : Number(url.port);
  const isAddress = parseHostAddress(url.hostname) !== null;
  const host = isAddress ? url.hostname.replace(/^\[|\]$/g, "") : url.hostname.replace(/\.$/, "");
  return { url, host, port, isTls, isAddress, isListed: listed.internal.has(hostPort(host, port)) };
}

function decideLiteral(checked: CheckedUrl, listed: Listed, moment: Moment): Checked<CheckedUrl> {
  const verdict = decideAddress(checked.host, moment);
  return verdict.verdict === "refuse" ? verdict : decidePort(checked, listed, moment);
}

function decideName(
  checked: CheckedUrl,
  listed: Listed,
  deny: (reason: string, why: string) => Checked<CheckedUrl>,
): Checked<CheckedUrl> {
  const { host } = checked;
  if (!host.includes("."))
    return deny("host.single-label", "a name without a dot; list it under egress.allow_internal if it is meant");
  const labels = host.split(".");
  const areLabels = labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
  const areDecodable = labels.every((label) => !label.startsWith("xn--") || isEncodedLabel(label));
  if (!areLabels || !areDecodable || host.length > 253 || /^[0-9]+$/.test(labels.at(-1) ?? ""))
    return deny("host.characters", "not a host name");
  if (isInternalName(host)) {
    return deny(
      "host.internal-name",
      "the name of something internal; list it under egress.allow_internal if it is meant",
    );
  }
  if (isPortRefused(checked.port, listed)) return deny("port", portMessage);
  return allowed(checked);
}

function isInternalName(host: string): boolean {
  return internalNames.has(host) || internalSuffixes.some((suffix) => host === suffix || host.endsWith(`.${suffix}`));
}

const portMessage = "a port below 1024 that is not 443 and that no rule of the deployment file names";

function decidePort(checked: CheckedUrl, listed: Listed, moment: Moment): Checked<CheckedUrl> {
  if (!isPortRefused(checked.port, listed)) return allowed(checked);
  return refused("callbacks", "port", `${hostPort(checked.host, checked.port)}: ${portMessage} (at ${moment})`);
}

function isPortRefused(port: number, listed: Listed): boolean {
  return port < 1024 && port !== 443 && !listed.ports.has(port);
}

function nameHost(host: string, verdict: Extract<Checked<unknown>, { verdict: "refuse" }>): Checked<never> {
  const { control, reason, message } = verdict.refusal;
  return refused(control, reason, `${quoted(host)} resolves to ${message}`);
}
