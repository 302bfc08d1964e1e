// Control `audit`: the page's verifier and the product's agree on good exports and on two hundred bad ones, and the page's
// worked example is what both compute.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { judgeBoth } from "../claims/both-verifiers.ts";
import { corrupt } from "../claims/corruptions.ts";
import { seededRandom } from "../claims/seeded-random.ts";
import {
  asFile,
  keyOf,
  makeExport,
  type ExportPlan,
  type Written,
} from "../src/controls/audit/fixtures/sealed-export.ts";
import { writers } from "../src/controls/audit/chain.ts";

const seed = 20_261;
const { key } = keyOf(1);

/** Sixty entries of all four chains; details hold what JSON and UTF-8 make difficult. */
function planOf(deployment: string): ExportPlan {
  const hard = ["\u20ac", "\ud83d\ude00", "\u0000\u001f", "\u2028", '"\\/', "\ufffd", "a\u0301"];
  const entries = Array.from({ length: 60 }, (_, index): Written => {
    const writer = writers[(index * 7 + Math.floor(index / 3)) % 4] ?? "gate";
    const detail = {
      text: hard[index % hard.length] ?? "",
      n: index * 1e21,
      tiny: index / 3e9,
      "\u20ac": [null, -0, true],
    };
    const at = new Date(1_780_000_000_000 + index).toISOString();
    return { writer, body: { v: 1, at, event: "call_admitted", detail }, isSigned: index % 5 === 4 };
  });
  return { deployment, exported: "2026-05-03T10:00:00.000Z", entries, seed: 1 };
}

const good = asFile(makeExport(planOf("clerk")));
const other = asFile(makeExport(planOf("other")));

test("a good export passes in both, with the key known and unknown", async () => {
  for (const known of [key, undefined]) {
    const { ours, theirs } = await judgeBoth(good, known);
    assert.ok(ours.ok, JSON.stringify(ours));
    assert.equal(theirs, null);
  }
});

test("two hundred corruptions are refused by both, and ours says where", async () => {
  const random = seededRandom(seed);
  for (let index = 0; index < 200; index++) {
    const { name, bytes, at } = corrupt(good, other, index, (below) => Math.floor(random() * below));
    const { ours, theirs } = await judgeBoth(bytes, key);
    assert.ok(!ours.ok, `${index}, ours takes it: ${name}`);
    assert.notEqual(theirs, null, `${index}, theirs takes it: ${name}`);
    const { line, chain, seq } = ours.fault.place;
    const found = { line, ...(chain === undefined ? {} : { chain }), ...(seq === undefined ? {} : { seq }) };
    assert.deepEqual({ ...found, ...at }, found, `${index}, ${name}: ${ours.fault.kind} ${ours.fault.message}`);
  }
});

test("an export that was sealed with another key is refused when the key is known, and only then", async () => {
  const forged = asFile(makeExport({ ...planOf("clerk"), seed: 2 }));
  const { ours, theirs } = await judgeBoth(forged, key);
  assert.ok(!ours.ok && ours.fault.kind === "unknown_key");
  assert.match(theirs ?? "", /another key/);
  assert.ok((await judgeBoth(forged, undefined)).ours.ok);
});

test("a chain that ends before, or passes beside, what the broker remembers is refused by both", async () => {
  const head = "0".repeat(64);
  for (const [witness, kind] of [
    [{ gate: { sequence: 99, head } }, "cut"],
    [{ admin: { sequence: 1, head } }, "changed"],
  ] as const) {
    const { ours, theirs } = await judgeBoth(asFile(makeExport({ ...planOf("clerk"), witness })), key);
    assert.ok(!ours.ok && ours.fault.kind === kind, JSON.stringify(ours));
    assert.notEqual(theirs, null);
  }
});

test("one way of writing a signature counts: the same bytes in another base64 are refused by both", async () => {
  const text = good.toString("utf8");
  const [, last = ""] = /"signature":"[^"]*([^"])=="[^\n]*\n$/.exec(text) ?? [];
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const same = alphabet[alphabet.indexOf(last) ^ 1] ?? "";
  const end = text.lastIndexOf(`${last}==`);
  const bytes = Buffer.from(text.slice(0, end) + same + text.slice(end + 1));
  assert.equal(bytes.length, good.length);
  const { ours, theirs } = await judgeBoth(bytes, key);
  assert.ok(!ours.ok && ours.fault.kind === "bad_signature");
  assert.match(theirs ?? "", /not signed/);
});

test("the page's verifier uses nothing but Node's own crypto and file reading, and is short enough to be read", () => {
  const text = readFileSync(new URL("verify-audit.mjs", import.meta.url), "utf8");
  const imported = [...text.matchAll(/(?:from|import\(?|require\()\s*"([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(imported, ["node:crypto", "node:fs", "node:url"]);
  assert.ok(text.split("\n").length <= 110);
});

test("started as a program, through a link too, it says what it found and exits with 0 or 1", () => {
  const folder = mkdtempSync(join(tmpdir(), "ambit-verify-"));
  try {
    const [program, link] = [fileURLToPath(new URL("verify-audit.mjs", import.meta.url)), join(folder, "link.mjs")];
    symlinkSync(program, link);
    writeFileSync(join(folder, "good"), good);
    writeFileSync(join(folder, "bad"), good.subarray(1));
    const run = (path: string, ...args: string[]) => spawnSync(process.execPath, [path, ...args], { encoding: "utf8" });
    for (const path of [program, link]) {
      assert.deepEqual(
        [run(path, join(folder, "good"), key).status, run(path, join(folder, "bad"), key).status],
        [0, 1],
      );
      assert.match(run(path, join(folder, "good")).stdout, /^clerk, .*: whole/);
      assert.match(run(path).stdout, /^not whole: /);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the page's worked example is what its words give", () => {
  const page = readFileSync(new URL("audit.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/```text\n([\s\S]*?)```/g)].map((block) => block[1] ?? "");
  const example = blocks.find((block) => block.startsWith("entry ")) ?? "";
  const rows = Object.fromEntries(
    example
      .trim()
      .split("\n")
      .map((row) => [row.slice(0, row.indexOf(" ")), row.slice(row.indexOf(" ")).trim()]),
  );
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  assert.equal(rows["genesis"], sha256("ambit-genesis-v1\nclerk/gate"));
  assert.equal(rows["digest"], sha256(`ambit-entry-v1\n${rows["entry"]}`));
  assert.equal(rows["head"], sha256(`ambit-chain-v1\n${rows["genesis"]}\n${rows["digest"]}`));
  assert.equal(rows["signature"], keyOf(1).sign(`ambit-head-v1\nclerk/gate\n1\n${rows["head"]}`));
  assert.equal(rows["key"], keyOf(1).key);
});
