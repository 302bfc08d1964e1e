// The name of a release: another one for anything that changed, the same for another order of keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { canonicalJson, hashRelease } from "./hash.ts";
import { parseManifest } from "./parse.ts";
import { releaseSchema, type Release } from "./release.ts";

const parsed = parseManifest(`
version: 1
name: payables-clerk
purpose: Pay supplier invoices.
agent: { instructions: ./i.md, model: { provider: anthropic, base_url: https://api.example, name: m } }
channels: { api: { users: [amy, "*@acme.example"] } }
records: { open: { file: ./erp.sqlite, sql: "select 1 where 1 = :a", bind: { a: 1 } } }
servers: { erp: { url: https://erp.example/mcp, tools: { pay: { effect: outward, authority: [to], max: { n: 5 }, bind: { t: x } } } } }
`);
if ("problems" in parsed) assert.fail(JSON.stringify(parsed.problems));
const { manifest } = parsed;
const parts: Omit<Release, "release"> = {
  v: 1,
  manifest,
  instructions: "Be kind.\n",
  policy: null,
  recordFiles: { open: "/srv/erp.sqlite" },
};
const hash = hashRelease(parts);

/** A deep copy in which every object has its keys in the opposite order. */
function reversed<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reversed) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  ) as T;
}

/** Every single member of `value`, changed, removed or joined by another; each result differs from `value` in one place. */
function mutants(value: unknown): unknown[] {
  if (typeof value === "string") return [`${value} `, `~${value.slice(1)}`, 1];
  if (typeof value === "number") return [value + 1, String(value), null];
  if (Array.isArray(value)) {
    const inner = value.flatMap((item, at) => mutants(item).map((other) => value.with(at, other)));
    return [...inner, [...value, "x"], ...(value.length > 0 ? [value.slice(1)] : [])];
  }
  if (typeof value !== "object" || value === null) return [0];
  const entries = Object.entries(value);
  const inner = entries.flatMap(([key, member]) => mutants(member).map((other) => ({ ...value, [key]: other })));
  const without = entries.map(([key]) => Object.fromEntries(entries.filter(([name]) => name !== key)));
  return [...inner, ...without, { ...value, added: 1 }];
}

test("a release has another name when any single member of it is changed, removed or added", () => {
  const others = mutants(parts);
  assert.ok(others.length > 150, `${others.length}`);
  const hashes = new Set(others.map((other) => hashRelease(other as typeof parts)));
  assert.equal(hashes.has(hash), false);
});

test("a release has the same name in another order of keys and after a way over the wire", () => {
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(hashRelease(reversed(parts)), hash);
  const { release, ...received } = releaseSchema.parse(
    JSON.parse(JSON.stringify({ ...reversed(parts), release: hash })),
  );
  assert.equal(release, hash);
  assert.equal(hashRelease(received), hash);
});

test("a release with a key that is not known, a missing part or a name that is no hash is refused", () => {
  const good = { ...parts, release: hash };
  assert.equal(releaseSchema.safeParse(good).success, true);
  const refused = [
    { ...good, force: true },
    { ...good, manifest: { ...manifest, polices: 1 } },
    { ...parts },
    { ...good, release: hash.toUpperCase() },
    { ...good, release: hash.slice(1) },
    { ...good, v: 2 },
    { ...good, instructions: "x".repeat(100_001) },
  ];
  for (const other of refused) assert.equal(releaseSchema.safeParse(other).success, false);
});

/** RFC 8785: the order of UTF-16 code units, numbers as ECMAScript writes them. */
const forms: readonly (readonly [value: unknown, text: string])[] = [
  [{ b: 1, a: { d: 2, c: 3 } }, '{"a":{"c":3,"d":2},"b":1}'],
  [{ 10: "a", 9: "b" }, '{"10":"a","9":"b"}'],
  [{ "\u20ac": 1, "\r": 2, "\u{1f600}": 3, "\ufb33": 4 }, '{"\\r":2,"\u20ac":1,"\u{1f600}":3,"\ufb33":4}'],
  [[Number("333333333.33333329"), 1e30, 4.5, 2e-3, 1e-27, -0], "[333333333.3333333,1e+30,4.5,0.002,1e-27,0]"],
  ["\u20ac$\u000f\nA'\"\\/", '"\u20ac$\\u000f\\nA\'\\"\\\\/"'],
  [JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  [[null, true, "", [], {}], '[null,true,"",[],{}]'],
];

for (const [value, text] of forms) {
  test(`${JSON.stringify(value)} has one canonical form`, () => assert.equal(canonicalJson(value), text));
}

test("what is no JSON is refused", () => {
  for (const value of [NaN, Infinity, { a: -Infinity }, undefined, () => 1, Symbol("x")])
    assert.throws(() => canonicalJson(value));
  const round: { self?: unknown } = {};
  round.self = round;
  assert.throws(() => canonicalJson(round));
});

test("half a character is what a wire would make of it, wherever it stands, and does not throw", () => {
  assert.equal(canonicalJson({ "a\ud800": ["\udc00", { b: "x\ud83d" }] }), '{"a\ufffd":["\ufffd",{"b":"x\ufffd"}]}');
  assert.equal(canonicalJson(JSON.parse('{"__proto__":"\\ud800"}')), '{"__proto__":"\ufffd"}');
  assert.throws(() => canonicalJson(["\ud800", NaN]));
});

test("every well-formed value has the form of RFC 8785 and reads back the same", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const plain: unknown = JSON.parse(JSON.stringify(value));
      const text = canonicalJson(plain);
      assert.equal(text, canonicalJson(reversed(plain)));
      assert.deepEqual(JSON.parse(text), plain);
      if (JSON.stringify(plain).isWellFormed()) assert.equal(text, canonicalize(plain));
    }),
    { numRuns: 500 },
  );
});
