// Controls `schemas`, `gateway-tokens`: one name, one spelling.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isHostName, parseHost } from "./host-name.ts";

const clerk = "clerk.example.com";
const read: readonly [string, string | null][] = [
  [clerk, clerk],
  ["CLERK.Example.COM", clerk],
  ["clerk.example.com:7400", clerk],
  ["clerk.example.com.", clerk],
  ["clerk.example.com.:443", clerk],
  ["xn--bro-hoa.example", "xn--bro-hoa.example"],
  ["XN--BRO-HOA.example", "xn--bro-hoa.example"],
  // Well-formed, and no name that a deployment could have.
  ["localhost", null],
  ["my_service:80", null],
  ["127.0.0.1:7400", null],
  ["[::1]:7400", null],
  ["1.2.3.0x4", null],
  ["-clerk.example.com", null],
  [`${"a".repeat(64)}.example`, null],
];
for (const [header, name] of read) {
  test(`Host ${header} is read as ${name ?? "no name"}`, () => assert.deepEqual(parseHost(header), { name }));
}

const ambiguous = [
  ...["", ".", "clerk.example.com..", "clerk..example.com", ".clerk.example.com", "clerk.example.com:"],
  ...["clerk.example.com:0", "clerk.example.com:65536", "clerk.example.com:80:80", "clerk.example.com:+80"],
  ...["clerk.example.com:080000", "clerk.example.com, other.example", "amy@clerk.example.com", "clerk.example.com/x"],
  ...["clerk example.com", "clerk.example.com\t", "clerk%2eexample.com", "[::1", "::1", "[clerk]", "b\u00fcro.example"],
  ...["xn--.example", "xn--a.example", "xn--clerk-.example.com", "a".repeat(255)],
];
for (const header of ambiguous) {
  test(`Host ${JSON.stringify(header).slice(0, 60)} can be read in two ways and is refused`, () =>
    assert.equal(parseHost(header), null));
}

test("a deployment's host name stands in its one spelling, or it is none", () => {
  for (const name of [clerk, "a.b", "clerk.localhost", "xn--bro-hoa.example"]) assert.ok(isHostName(name), name);
  for (const name of [
    "Clerk.example.com",
    "clerk.example.com.",
    "clerk",
    "127.0.0.1",
    "a.b:80",
    "a_b.c",
    "*.example.com",
  ])
    assert.ok(!isHostName(name), name);
});
