// Control `audit`: whoever hands an export to an auditor who does not know the broker's key may have made every byte of it,
// signatures included. Both verifiers must say the same of each: what is in no form that the page gives is refused, however
// well it is signed, and nothing in it reaches a terminal as anything but text.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { judgeBoth } from "../claims/both-verifiers.ts";
import { keyOf } from "../src/controls/audit/fixtures/sealed-export.ts";

const { key, sign } = keyOf(7);
const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
const chains = ["admin", "broker", "front", "gate"];
const entry = (seq: number, more = ""): string =>
  `{"at":"2026-05-03T10:00:00.000Z","detail":{${more}},"event":"x","seq":${seq},"v":1}`;

interface Forged {
  /** Entries of the gate's chain, as they stand in the file. */
  readonly entries?: readonly string[];
  /** Where the gate's chain starts. */
  readonly start?: { readonly sequence: number; readonly head: string };
  /** The last head that the broker signed of the gate's chain; without it the chain's end. */
  readonly witness?: { readonly sequence: number; readonly head: string };
  readonly header?: Readonly<Record<string, unknown>>;
  readonly seal?: Readonly<Record<string, unknown>>;
  /** Changes the text of a line before it is sealed. */
  readonly write?: (line: string, number: number) => string | Buffer;
  readonly deployment?: string;
  readonly exported?: string;
}

/** Members in the order of the canonical form; the forger takes no care of what is in them. */
function sorted(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${sorted(member)}`).join(",")}}`;
}

function forge(of: Forged): Buffer {
  const { deployment = "clerk", exported = "2026-05-03T10:00:00.000Z", write = (line: string) => line } = of;
  const genesis = (writer: string) => ({
    head: sha256(`ambit-genesis-v1\n${deployment}/${writer}`),
    sequence: 0,
  });
  const places = Object.fromEntries(chains.map((writer) => [writer, genesis(writer)]));
  const { head, sequence } = of.start ?? genesis("gate");
  const start = { ...places, gate: { head, sequence } };
  const about = { deployment, exported, key, v: 1 };
  const lines = [sorted({ ...about, chains: start, kind: "header", line: 1, ...of.header })];
  let gate = { head, sequence };
  for (const text of of.entries ?? []) {
    const next = sha256(`ambit-chain-v1\n${gate.head}\n${sha256(`ambit-entry-v1\n${text}`)}`);
    gate = { head: next, sequence: gate.sequence + 1 };
    lines.push(`{"chain":"gate","entry":${text},"head":"${next}","kind":"entry","line":${lines.length + 1}}`);
  }
  const written = lines.map((line, at) => Buffer.concat([Buffer.from(write(line, at + 1)), Buffer.from("\n")]));
  const body = Buffer.concat(written);
  const end = { ...places, gate };
  const ends = { chains: end, witness: { ...end, gate: of.witness ?? gate } };
  const seal = { ...about, ...ends, hash: sha256(body), kind: "seal", line: lines.length + 1, ...of.seal };
  const signature = sign(`ambit-seal-v1\n${sorted(seal)}`);
  return Buffer.concat([body, Buffer.from(`${sorted({ ...seal, signature })}\n`)]);
}

const on = (number: number, from: string, to: string) => (line: string, at: number) =>
  at === number ? line.replace(from, to) : line;
const one = [entry(1)];
const zero = "0".repeat(64);

const whole: Record<string, Forged> = {
  "no entry at all": {},
  "one entry": { entries: one },
  "an entry that says that it is a seal": { entries: [entry(1, `"kind":"seal","line":3,"signature":"AA=="`)] },
  "an entry that holds a checkpoint": { entries: [entry(1, `"checkpoint":{"kind":"checkpoint","sequence":1}`)] },
  "a line break in an entry": { entries: [entry(1, String.raw`"a":"\n{\"kind\":\"seal\"}\n"`)] },
  "a member called __proto__": { entries: [entry(1, `"__proto__":{"a":1}`)] },
  "members called constructor and toString": { entries: [entry(1, `"constructor":1,"toString":null`)] },
  "an empty name": { entries: [entry(1, `"":0`)] },
  "numbers as ECMAScript writes them": { entries: [entry(1, `"a":1e+21,"b":1e-7,"c":0.1,"d":5e-324,"e":-1`)] },
  "members by UTF-16 code units": { entries: [entry(1, `"\u20ac":1,"\ud83d\ude00":2,"\ufb33":3`)] },
  "the character of broken bytes": { entries: [entry(1, `"a":"\ufffd"`)] },
  "control characters as JSON writes them": { entries: [entry(1, String.raw`"a":"\u0000\b\u001f"`)] },
  "two hundred levels": { entries: [entry(1, `"a":${"[".repeat(200)}${"]".repeat(200)}`)] },
  "a start in the middle": { start: { sequence: 5, head: zero }, entries: [entry(6)] },
  "a time in the year 9999": { entries: [entry(1).replace("2026", "9999")] },
  "thread, turn and call": {
    entries: [`{"at":"a","callId":"c","detail":{},"event":"x","seq":1,"thread":"t","turn":1,"v":1}`],
  },
};

const refused: Record<string, Forged> = {
  "the same name twice": { entries: [entry(1, `"a":1,"a":1`)] },
  "the same name twice, once escaped": { entries: [entry(1, String.raw`"a":1,"\u0061":1`)] },
  "1e400": { entries: [entry(1, `"a":1e400`)] },
  "-1e400": { entries: [entry(1, `"a":-1e400`)] },
  "-0": { entries: [entry(1, `"a":-0`)] },
  "1.0": { entries: [entry(1, `"a":1.0`)] },
  "1E1": { entries: [entry(1, `"a":1E1`)] },
  "more digits than a number has": { entries: [entry(1, `"a":9007199254740993`)] },
  "half a surrogate pair, escaped": { entries: [entry(1, String.raw`"a":"\ud800"`)] },
  "half a surrogate pair as a name": { entries: [entry(1, String.raw`"\udfff":1`)] },
  "an escape that is not needed": { entries: [entry(1, String.raw`"a":"\u0041"`)] },
  "a slash that is escaped": { entries: [entry(1, String.raw`"a":"\/"`)] },
  "a space": { entries: [entry(1, `"a": 1`)] },
  "members in another order": { entries: [entry(1, `"b":1,"a":1`)] },
  "a carriage return": { entries: one, write: on(2, `"line":2}`, `"line":2}\r`) },
  "a byte order mark": { write: on(1, "{", "\ufeff{") },
  "a broken byte": {
    entries: [entry(1, `"a":"\ufffd"`)],
    write: (line, at) =>
      at === 2
        ? Buffer.from(Buffer.from(line).toString("latin1").replace("\u00ef\u00bf\u00bd", "\u00ff"), "latin1")
        : line,
  },
  "an overlong form": {
    entries: [entry(1, `"a":"\ufffd\ufffd"`)],
    write: (line, at) =>
      at === 2
        ? Buffer.from(
            Buffer.from(line).toString("latin1").replace("\u00ef\u00bf\u00bd\u00ef\u00bf\u00bd", "\u00c0\u00af"),
            "latin1",
          )
        : line,
  },
  "an empty line": { entries: one, write: on(2, "{", "\n{") },
  "a line that is null": { entries: one, write: (line, at) => (at === 2 ? "null" : line) },
  "a line that is a list": { entries: one, write: (line, at) => (at === 2 ? "[]" : line) },
  "a line that is a number": { entries: one, write: (line, at) => (at === 2 ? "2" : line) },
  "an entry with a member that nobody knows": { entries: [entry(1).replace(`"event"`, `"evens":1,"event"`)] },
  "an entry with a member called __proto__": { entries: [entry(1).replace(`{"at"`, `{"__proto__":{},"at"`)] },
  "a line with a member that nobody knows": { entries: one, write: on(2, `"line":2}`, `"line":2,"more":1}`) },
  "an entry of version 2": { entries: [entry(1).replace(`"v":1`, `"v":2`)] },
  "an entry without a version": { entries: [entry(1).replace(`,"v":1`, "")] },
  "an entry without a time": { entries: [entry(1).replace(/"at":"[^"]*",/, "")] },
  "an entry whose event is a number": { entries: [entry(1).replace(`"x"`, "1")] },
  "an entry whose detail is a list": { entries: [entry(1).replace("{}", "[]")] },
  "an entry whose turn is a text": { entries: [entry(1).replace(`"v"`, `"turn":"1","v"`)] },
  "a number as a text": { entries: [entry(1).replace(`"seq":1`, `"seq":"1"`)] },
  "a half": { start: { sequence: 0.5, head: zero }, entries: [entry(1).replace(`"seq":1`, `"seq":1.5`)] },
  "a chain that starts before it": {
    start: { sequence: -1, head: sha256("ambit-genesis-v1\nclerk/gate") },
    entries: [entry(0)],
  },
  "a start that is a text": { header: { chains: null } },
  "a head that is none": { start: { sequence: 3, head: "A" }, entries: [entry(4)] },
  "a head in capitals": { start: { sequence: 3, head: "A".repeat(64) }, entries: [entry(4)] },
  "a fifth chain": { entries: one, write: on(1, `"front":`, `"extra":{"head":"${zero}","sequence":0},"front":`) },
  "a chain called __proto__": { entries: one, write: on(2, `"gate"`, `"__proto__"`) },
  "a chain called constructor": { entries: one, write: on(2, `"gate"`, `"constructor"`) },
  "a header with a member that nobody knows": { header: { more: 1 } },
  "a seal with a member that nobody knows": { seal: { more: 1 } },
  "a seal with a member called __proto__": {
    seal: JSON.parse(`{"__proto__":{}}`) as object as Record<string, unknown>,
  },
  "a second header": { entries: one, write: on(2, `"kind":"entry"`, `"kind":"header"`) },
  "a second seal": { entries: one, write: on(2, `"kind":"entry"`, `"kind":"seal"`) },
  "a kind that nobody knows": { entries: one, write: on(2, `"kind":"entry"`, `"kind":"note"`) },
  "a header of version 2": { header: { v: 2 } },
  "a seal of version 2": { seal: { v: 2 } },
  "a seal with another line number": { entries: one, seal: { line: 9 } },
  "a seal of another deployment": { seal: { deployment: "other" } },
  "a seal of another moment": { seal: { exported: "2026-05-04T10:00:00.000Z" } },
  "a seal over other bytes": { entries: one, seal: { hash: zero } },
  "a witness that is missing": { seal: { witness: {} } },
  "a witness that is a text": { entries: one, seal: { witness: "none" } },
  "a witness that is half an entry": { entries: one, witness: { sequence: 0.5, head: zero } },
  "a witness before all": { entries: one, witness: { sequence: -1, head: zero } },
  "a start after the last entry that the broker signed": {
    start: { sequence: 5, head: zero },
    entries: [entry(6)],
    witness: { sequence: 4, head: zero },
  },
  "an empty chain after the last entry that the broker signed": {
    start: { sequence: 5, head: zero },
    witness: { sequence: 1, head: zero },
  },
  "a memory that was set back behind a signature": {
    entries: [entry(1), entry(2)],
    witness: { head: zero, sequence: 0 },
    write: (line) => line,
  },
  "a deployment that clears the screen": { deployment: "\u001b[2Jclerk" },
  "a deployment that is none": { deployment: "Clerk" },
  "a moment that clears the screen": { exported: "\u001b[2J2026" },
  "a moment that is a number": { header: { exported: 1 }, seal: { exported: 1 } },
  "a key that is none": { header: { key: "\u001b[2J" }, seal: { key: "\u001b[2J" } },
  "a key of 31 bytes": {
    header: { key: Buffer.alloc(31).toString("base64") },
    seal: { key: Buffer.alloc(31).toString("base64") },
  },
};

for (const [name, forged] of Object.entries(whole)) {
  test(`sealed by anybody, taken by both: ${name}`, async () => {
    const { ours, theirs } = await judgeBoth(forge(forged), undefined);
    assert.deepEqual([ours.ok ? null : `${ours.fault.kind}: ${ours.fault.message}`, theirs], [null, null]);
  });
}

for (const [name, forged] of Object.entries(refused)) {
  test(`sealed by anybody, refused by both: ${name}`, async () => {
    const { ours, theirs } = await judgeBoth(forge(forged), undefined);
    assert.deepEqual([ours.ok, theirs === null], [false, false], `ours ${ours.ok}, theirs ${theirs}`);
  });
}

test("what a file says of itself reaches a terminal as text alone, from both", () => {
  const folder = mkdtempSync(join(tmpdir(), "ambit-liar-"));
  try {
    const file = join(folder, "forged");
    const programs = [["verify-audit.mjs"], ["../src/cli/main.ts", "audit", "verify"]];
    for (const name of [
      "a deployment that clears the screen",
      "a moment that clears the screen",
      "a key that is none",
    ]) {
      writeFileSync(file, forge(refused[name] ?? {}));
      for (const [program = "", ...words] of programs) {
        const path = fileURLToPath(new URL(program, import.meta.url));
        for (const known of [[], program.endsWith("mjs") ? ["AAAA"] : ["--key", "AAAA"]]) {
          const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...words, file, ...known], {
            encoding: "utf8",
          });
          assert.equal(status, 1);
          assert.doesNotMatch(`${stdout}${stderr}`.trim(), /[\p{Cc}]/u, name);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
