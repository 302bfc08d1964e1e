import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { addressKey, decideAddress, decideListedAddress, parseAddress, parseHostAddress } from "./address.ts";

/** Refused, and the public neighbour one step away where the next block is public. */
const twins: ReadonlyArray<readonly [string, string | null]> = [
  ["0.255.255.255", "1.0.0.0"],
  ["10.255.255.255", "11.0.0.0"],
  ["10.0.0.0", "9.255.255.255"],
  ["100.64.0.0", "100.63.255.255"],
  ["100.127.255.255", "100.128.0.0"],
  ["127.0.0.1", "126.255.255.255"],
  ["168.63.129.16", "168.63.129.17"],
  ["169.254.169.254", "169.253.255.255"],
  ["172.16.0.0", "172.15.255.255"],
  ["172.31.255.255", "172.32.0.0"],
  ["192.0.0.192", "192.0.1.0"],
  ["192.0.2.1", "192.0.3.0"],
  ["192.88.99.1", "192.88.100.0"],
  ["192.168.255.255", "192.169.0.0"],
  ["198.19.255.255", "198.20.0.0"],
  ["198.51.100.255", "198.51.101.0"],
  ["203.0.113.255", "203.0.114.0"],
  ["224.0.0.0", "223.255.255.255"],
  ["255.255.255.255", null],
  ["::", null],
  ["::1", null],
  ["::7f00:1", null],
  ["::ffff:127.0.0.1", null],
  ["::ffff:0:8.8.8.8", null],
  ["64:ff9b::8.8.8.8", null],
  ["64:ff9b:1::1", null],
  ["100::1", null],
  ["1fff:ffff::1", "2000::1"],
  ["2001::1", "2001:200::1"],
  ["2001:1ff::1", "2001:200::1"],
  ["2001:db8::1", "2001:db9::1"],
  ["2002:7f00:1::", "2003::1"],
  ["3fff:fff::1", "3ffe::1"],
  ["4000::1", "3fff:1000::1"],
  ["2606:4700::5efe:808:808", "2606:4700::5eff:808:808"],
  ["2606:4700::200:5efe:808:808", "2606:4700::201:5efe:808:808"],
  ["5f00::1", null],
  ["fc00::1", null],
  ["fe80::1", null],
  ["fec0::1", null],
  ["ff02::1", null],
];

test("every special block is refused and its public neighbour is not", () => {
  for (const [special, neighbour] of twins) {
    assert.equal(decideAddress(special, "send").verdict, "refuse", special);
    if (neighbour !== null) assert.equal(decideAddress(neighbour, "send").verdict, "allow", neighbour);
  }
});

test("a refusal names the rule, the address, the block and the moment", () => {
  const verdict = decideAddress("169.254.169.254", "save");
  assert.ok(verdict.verdict === "refuse");
  assert.equal(verdict.refusal.reason, "address.special");
  for (const word of ["169.254.169.254", "169.254.0.0/16", "at save", "egress.allow_internal"]) {
    assert.ok(verdict.refusal.message.includes(word), word);
  }
  const teredo = decideAddress("2001:0:1:2:3:4:80ff:fffe", "send");
  assert.ok(teredo.verdict === "refuse" && teredo.refusal.message.includes("127.0.0.1"));
});

test("an address in any but its canonical spelling is refused", () => {
  for (const text of [
    "0177.0.0.1",
    "0x7f.0.0.1",
    "127.1",
    "2130706433",
    "1.2.3.4.",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "",
    " 1.2.3.4",
    "fe80::1%eth0",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::1.2.3",
    "1.2.3.4::",
    "[::1]",
    "1:2:3:4:5:6:7::8:9",
  ]) {
    assert.equal(parseAddress(text), null, text);
    const verdict = decideAddress(text, "send");
    assert.ok(verdict.verdict === "refuse" && verdict.refusal.reason === "address.unparsable", text);
  }
  assert.equal(parseHostAddress("[::1]")?.length, 16);
});

test("bytes agree with another parser for every address it prints", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const bytes = parseAddress(text);
      assert.equal(bytes !== null, isIP(text) !== 0, text);
      // The oracle reads WHATWG's spelling: it takes every "::a.b.c.d" for a mapped address.
      const canonical = new URL(text.includes(":") ? `http://[${text}]/` : `http://${text}/`).hostname.replace(
        /^\[|\]$/g,
        "",
      );
      if (bytes !== null) assert.deepEqual(Array.from(bytes), ipaddr.parse(canonical).toByteArray(), text);
    }),
    { numRuns: 1000 },
  );
});

test("two spellings of an address have one key and two addresses have two", () => {
  const key = (text: string): string => addressKey(parseAddress(text) ?? new Uint8Array());
  assert.equal(key("2606:4700:0:0::1"), key("2606:4700::0.0.0.1"));
  assert.notEqual(key("2606:4700::1"), key("2606:4700::2"));
});

test("a listed name may resolve to a private network but not to metadata, link-local or multicast", () => {
  for (const text of ["10.1.2.3", "127.0.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1", "8.8.8.8"]) {
    assert.equal(decideListedAddress(text, "send").verdict, "allow", text);
  }
  for (const text of [
    "169.254.169.254",
    "100.100.100.200",
    "fd00:ec2::254",
    "fe80::1",
    "224.0.0.1",
    "0.0.0.0",
    "::",
    "::ffff:10.0.0.1",
    "168.63.129.16",
    "nonsense",
  ]) {
    assert.equal(decideListedAddress(text, "send").verdict, "refuse", text);
  }
});
