// Control `audit`: whatever stands in four chains, an export of them is whole, and nothing that is not one is.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson } from "../manifest/hash.ts";
import { writers } from "./chain.ts";
import type { FaultKind, Place } from "./fault.ts";
import { keyOf, makeExport, type Written } from "./fixtures/sealed-export.ts";
import { ExportVerifier, type ChainReport, type Verdict } from "./verify.ts";

const exported = "2026-05-03T10:00:00.000Z";
const plan = (entries: readonly Written[], deployment = "clerk") => ({ deployment, exported, entries, seed: 1 });

/** Signing is deterministic, so the same text has the same signature. */
function isSigned(key: string, text: string, signature: string): boolean {
  const own = keyOf(1);
  return key === own.key && own.sign(text) === signature;
}

function verify(lines: readonly string[], known: { key?: string; deployment?: string } = {}): Verdict {
  const verifier = new ExportVerifier({ ...known, isSigned });
  for (const line of lines) verifier.push(new TextEncoder().encode(line));
  return verifier.end(new Uint8Array());
}

const body = { v: 1 as const, at: exported, event: "x", detail: {} };
const three: Written[] = [1, 2, 3].map((turn) => ({ writer: "gate", body: { ...body, turn }, isSigned: turn === 2 }));
const lines = makeExport(plan(three));
const tailOf = (from: number): string[] => lines.slice(from);
const edit = (at: number, change: object): string[] =>
  lines.with(at, canonicalJson({ ...(JSON.parse(lines[at] ?? "") as object), ...change }));

test("an export is whole, whatever its entries say and however they are merged", () => {
  const detail = fc.dictionary(fc.string({ unit: "binary", maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }), {
    noNullPrototype: true,
    maxKeys: 3,
  });
  const written = fc.record({
    writer: fc.constantFrom(...writers),
    body: fc.record({ v: fc.constant(1 as const), at: fc.string(), event: fc.string({ unit: "binary" }), detail }),
    isSigned: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(written, { maxLength: 20 }), (entries) => {
      const verdict = verify(makeExport(plan(entries as Written[])), { key: keyOf(1).key, deployment: "clerk" });
      assert.ok(verdict.ok, JSON.stringify(verdict));
      for (const writer of writers) {
        const { from, to, signed }: ChainReport = verdict.report.chains[writer];
        assert.deepEqual([from, to, signed], [1, entries.filter((one) => one.writer === writer).length, to]);
      }
    }),
    { numRuns: 100 },
  );
});

test("any line of it left out, doubled or changed in one character is refused", () => {
  const place = fc.tuple(fc.nat(lines.length - 1), fc.nat(), fc.constantFrom("drop", "double", "change"));
  fc.assert(
    fc.property(place, ([at, where, how]) => {
      const line = lines[at] ?? "";
      const index = where % line.length;
      const other = line[index] === "a" ? "b" : "a";
      const changed = line.slice(0, index) + other + line.slice(index + 1);
      const bad = {
        drop: lines.toSpliced(at, 1),
        double: lines.toSpliced(at, 0, line),
        change: lines.with(at, changed),
      };
      assert.ok(!verify(bad[how]).ok);
    }),
    { numRuns: 300 },
  );
});

/** Lines: header, gate 1, gate 2, its checkpoint, gate 3, seal. */
const bad: readonly [name: string, lines: readonly string[], kind: FaultKind, place: Place][] = [
  ["nothing", [], "seal_missing", { line: 1 }],
  ["no header", tailOf(1), "missing", { line: 1 }],
  ["an entry changed", edit(2, { entry: { ...body, seq: 2, turn: 9 } }), "changed", { line: 3, chain: "gate", seq: 2 }],
  ["an entry left out", lines.toSpliced(1, 1), "missing", { line: 2, chain: "gate", seq: 1 }],
  [
    "two entries swapped",
    [...lines.slice(0, 1), ...[2, 1, 3, 4, 5].map((at) => lines[at] ?? "")],
    "reordered",
    { line: 2, chain: "gate", seq: 1 },
  ],
  ["an entry twice", lines.toSpliced(2, 0, lines[1] ?? ""), "inserted", { line: 3, chain: "gate", seq: 1 }],
  ["a signature left out", lines.toSpliced(3, 1), "missing", { line: 4 }],
  ["a signature of another entry", edit(3, { sequence: 3 }), "changed", { line: 4, chain: "gate", seq: 3 }],
  ["a signature changed", edit(3, { signature: "AAAA" }), "bad_signature", { line: 4, chain: "gate", seq: 2 }],
  ["a signature by another key", edit(3, { key: keyOf(2).key }), "unknown_key", { line: 4, chain: "gate", seq: 2 }],
  ["the end cut", lines.slice(0, 4), "seal_missing", { line: 5 }],
  ["a line after the seal", [...lines, lines[1] ?? ""], "inserted", { line: 7 }],
  ["spaces", lines.with(1, (lines[1] ?? "").replace(",", ", ")), "changed", { line: 2, chain: "gate", seq: 1 }],
  [
    "another deployment's header",
    lines.with(0, makeExport(plan([], "other"))[0] ?? ""),
    "changed",
    { line: 2, chain: "gate", seq: 1 },
  ],
  ["a deeply nested line", lines.with(1, "[".repeat(100_000)), "changed", { line: 2 }],
  [
    "a number beyond all",
    lines.with(1, (lines[1] ?? "").replace(`"seq":1`, `"seq":1e999`)),
    "changed",
    { line: 2, chain: "gate" },
  ],
];

for (const [name, text, kind, place] of bad) {
  test(`refused as ${kind}: ${name}`, () => {
    const verdict = verify(text);
    assert.ok(!verdict.ok);
    assert.deepEqual([verdict.fault.kind, verdict.fault.place], [kind, place], verdict.fault.message);
  });
}

test("a key or a deployment that is known must be the one of the file", () => {
  assert.ok(verify(lines, { key: keyOf(1).key, deployment: "clerk" }).ok);
  for (const known of [{ key: keyOf(2).key }, { deployment: "clerk2" }]) assert.ok(!verify(lines, known).ok);
});

test("a broker whose memory was set back before one of its own signatures is noticed", () => {
  const back = { gate: { sequence: 1, head: (JSON.parse(lines[1] ?? "") as { head: string }).head } };
  const verdict = verify(makeExport({ ...plan(three), witness: back }));
  assert.ok(!verdict.ok && verdict.fault.message.includes("set back"));
});

test("what is not signed yet is counted, and is no fault", () => {
  const signed = { gate: { sequence: 2, head: (JSON.parse(lines[2] ?? "") as { head: string }).head } };
  const verdict = verify(makeExport({ ...plan(three), witness: signed }));
  assert.ok(verdict.ok && verdict.report.chains.gate.signed === 2 && verdict.report.chains.gate.to === 3);
});
