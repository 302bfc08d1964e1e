// Control `audit`: the verb on files: what is good passes with 0, what is not fails with 1 and says where.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { asFile, keyOf, makeExport } from "../controls/audit/fixtures/sealed-export.ts";
import { CommandError, UsageError } from "./arguments.ts";
import { isSigned, runAudit, verifyChunks } from "./audit.ts";

const folder = mkdtempSync(join(tmpdir(), "ambit-audit-"));
after(() => rmSync(folder, { recursive: true }));
const body = { v: 1 as const, at: "2026-05-03T10:00:00Z", event: "turn_opened", detail: {} };
const entries = Array.from({ length: 9 }, () => ({ writer: "gate" as const, body }));
const lines = makeExport({ deployment: "clerk", exported: body.at, entries, seed: 1 });

function fileOf(name: string, bytes: Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Exit code and what was printed. */
async function run(t: TestContext, ...args: string[]): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  for (const stream of ["log", "error"] as const) {
    t.mock.method(console, stream, (text: string) => void said.push(text));
  }
  const code = await runAudit(args);
  t.mock.restoreAll();
  return { code, said: said.join("\n") };
}

test("a good file passes; without --key it says whose word the key is", async (t) => {
  const path = fileOf("good.jsonl", asFile(lines));
  const without = await run(t, "verify", path);
  assert.deepEqual([without.code, /own word/.test(without.said)], [0, true]);
  const known = await run(t, "verify", path, "--key", keyOf(1).key);
  assert.deepEqual(
    [known.code, /own word/.test(known.said), /gate +entries 1 to 9$/m.test(known.said)],
    [0, false, true],
  );
});

test("a bad one fails with 1 and names chain, entry, line and kind, as JSON too", async (t) => {
  const path = fileOf("bad.jsonl", asFile(lines.toSpliced(4, 1)));
  const { code, said } = await run(t, "verify", path);
  assert.equal(code, 1);
  assert.match(said, /not whole: gate entry 4, line 5: missing/);
  const json = await run(t, "verify", path, "--json");
  assert.equal(json.code, 1);
  const { fault } = JSON.parse(json.said) as { fault: object };
  assert.deepEqual({ ...fault, message: "" }, { kind: "missing", line: 5, chain: "gate", seq: 4, message: "" });
});

test("another key than the known one fails", async (t) => {
  const { code, said } = await run(t, "verify", fileOf("k.jsonl", asFile(lines)), "--key", keyOf(2).key);
  assert.deepEqual([code, /unknown key/.test(said)], [1, true]);
});

test("entries that were not signed yet are said and are no fault", async (t) => {
  const head = (JSON.parse(lines[7] ?? "") as { head: string }).head;
  const plan = { deployment: "clerk", exported: body.at, entries, seed: 1, witness: { gate: { sequence: 7, head } } };
  const { code, said } = await run(t, "verify", fileOf("tail.jsonl", asFile(makeExport(plan))));
  assert.equal(code, 0);
  assert.match(said, /gate +entries 1 to 9; 2 at the end not signed yet/);
});

test("a file in pieces of any size is read as one", async () => {
  const file = asFile(lines);
  for (const size of [1, 7, 4096]) {
    const pieces = Array.from({ length: Math.ceil(file.length / size) }, (_, at) =>
      file.subarray(at * size, (at + 1) * size),
    );
    assert.ok((await verifyChunks(pieces, keyOf(1).key)).ok);
  }
});

test("a file that is not there, a line without end and a wrong command line are one clear line", async (t) => {
  await assert.rejects(run(t, "verify", join(folder, "none.jsonl")), CommandError);
  const endless = await verifyChunks([Buffer.alloc(9_000_000, 97)], undefined);
  assert.ok(!endless.ok && endless.fault.kind === "cut");
  for (const args of [["verify"], ["look", "clerk"], ["export", "../x"], ["export", "clerk", "--since", "soon"]])
    await assert.rejects(
      run(t, ...args, "--state", join(folder, "none")),
      (error) => error instanceof UsageError || error instanceof CommandError,
    );
});

test("a key or a signature that is no such thing is not good, and does not throw", () => {
  const { key, sign } = keyOf(1);
  assert.ok(isSigned(key, "text", sign("text")));
  for (const [wrong, signature] of [
    [key, sign("texts")],
    [keyOf(2).key, sign("text")],
    ["", sign("text")],
    [key, ""],
    [`${key} `, sign("text")],
    ["AAAA", "AAAA"],
  ] as const) {
    assert.ok(!isSigned(wrong, "text", signature));
  }
});
