// Controls `recon`, `rate-limits`: an address is believed from the proxies that the operator named, and from nobody else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { findClient, noProxies, parseProxies, type TrustedProxies } from "./trusted-proxies.ts";

function proxies(text: string): TrustedProxies {
  const parsed = parseProxies(text);
  return typeof parsed === "string" ? assert.fail(parsed) : parsed;
}
const named = proxies("127.0.0.1, 10.0.0.0/8,fd00::/8");
const forwarded = (...values: string[]): string[] => values.flatMap((value) => ["X-Forwarded-For", value]);

const rows: readonly [string, string, string[], string][] = [
  ["a trusted peer's word", "127.0.0.1", forwarded("203.0.113.7"), "203.0.113.7"],
  ["the word of a peer one address away: not taken", "127.0.0.2", forwarded("203.0.113.7"), "127.0.0.2"],
  ["a peer in a named network", "10.255.0.1", forwarded("203.0.113.7"), "203.0.113.7"],
  ["a peer just outside it: not taken", "11.0.0.0", forwarded("203.0.113.7"), "11.0.0.0"],
  ["IPv4 that came in IPv6", "::ffff:127.0.0.1", forwarded("::ffff:203.0.113.7"), "203.0.113.7"],
  ["what a client wrote left of the proxy: not taken", "127.0.0.1", forwarded("6.6.6.6, 203.0.113.7"), "203.0.113.7"],
  ["the same in a header of its own: not taken", "127.0.0.1", forwarded("6.6.6.6", "203.0.113.7"), "203.0.113.7"],
  ["two proxies in a row", "127.0.0.1", forwarded("6.6.6.6, 203.0.113.7,10.1.1.1"), "203.0.113.7"],
  ["an untrusted one in between ends it", "127.0.0.1", forwarded("203.0.113.7, 8.8.8.8, 10.1.1.1"), "8.8.8.8"],
  ["only proxies: the first of them", "127.0.0.1", forwarded("10.2.2.2, 10.1.1.1"), "10.2.2.2"],
  ["IPv6 in another spelling", "fd00:0::1", forwarded("2001:DB8:0:0::9"), "2001:db8::9"],
  ["nothing forwarded", "127.0.0.1", [], "127.0.0.1"],
  ["an empty value", "127.0.0.1", forwarded(""), "127.0.0.1"],
  ["a word: not taken", "127.0.0.1", forwarded("203.0.113.7, unknown"), "127.0.0.1"],
  ["a word left of the answer: never looked at", "127.0.0.1", forwarded("unknown, 203.0.113.7"), "203.0.113.7"],
  ["a port: not taken", "127.0.0.1", forwarded("203.0.113.7:80"), "127.0.0.1"],
  ["a zone: not taken", "127.0.0.1", forwarded("fe80::1%eth0"), "127.0.0.1"],
  ["an address no socket has: not taken", "127.0.0.1", forwarded("203.0.113.256"), "127.0.0.1"],
  ["an octal one: not taken", "127.0.0.1", forwarded("0203.0.113.7"), "127.0.0.1"],
  ["a list that ends in a comma: not taken", "127.0.0.1", forwarded("203.0.113.7,"), "127.0.0.1"],
  ["a list of thousands: not taken", "127.0.0.1", forwarded("10.1.1.1,".repeat(5000) + "10.1.1.1"), "127.0.0.1"],
  ["Forwarded: not read", "127.0.0.1", ["Forwarded", "for=203.0.113.7"], "127.0.0.1"],
  ["X-Real-IP: not read", "127.0.0.1", ["X-Real-IP", "203.0.113.7", "CF-Connecting-IP", "203.0.113.7"], "127.0.0.1"],
];
for (const [name, peer, raw, client] of rows) {
  test(`the client's address with ${name}`, () => assert.equal(findClient(peer, raw, named), client));
}

test("where no proxy is named, nobody's word about an address is taken", () => {
  for (const peer of ["127.0.0.1", "::1", "10.0.0.1"])
    assert.equal(findClient(peer, forwarded("203.0.113.7"), noProxies), peer);
});

test("a list of proxies that is none is refused with the part at fault", () => {
  for (const bad of ["", "localhost", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10.0.0/8", "1.2.3.4,,", "fe80::1%lo/64"])
    assert.match(String(parseProxies(bad)), /^--trusted-proxies .*such as 127\.0\.0\.1/, bad);
  for (const all of ["0.0.0.0/0", "::/0"]) assert.match(String(parseProxies(all)), /everybody/);
  assert.match(String(parseProxies("10.0.0.1,".repeat(101))), /at most 100/);
});
