// What `policy explain` prints, and that a bad file is told in one line.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ExplainAnswer } from "../controls/wire/gate.ts";
import { red } from "./paint.ts";
import { readArguments, renderExplanation } from "./policy.ts";

const folder = mkdtempSync(join(tmpdir(), "ambit-explain-"));
after(() => rmSync(folder, { recursive: true }));

/** Content of the file, and words of the one line that is said. */
const bad: readonly (readonly [name: string, content: string | Uint8Array, words: RegExp])[] = [
  ["no JSON", "{amount: 1}", /args\.json: is not JSON: /],
  ["nothing", "", /args\.json: is not JSON: /],
  ["a list", "[1]", /must hold one JSON object/],
  ["a text", '"pay"', /must hold one JSON object/],
  ["null", "null", /must hold one JSON object/],
  ["a number that is endless", '{"a":{"cents":1e400}}', /args\.json: a\.cents: is not a number/],
  ["a member of the prototype", '{"__proto__":{"cents":1}}', /forbidden name/],
  ["half a character", '{"to":"\\ud800"}', /args\.json: to: holds half a character/],
  ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /is not UTF-8/],
  ["200,001 bytes", `{"a":"${"x".repeat(199_993)}"}`, /at most 200000 are read/],
];

for (const [name, content, words] of bad) {
  test(`a file that holds ${name} is told in one line`, () => {
    const file = join(folder, "args.json");
    writeFileSync(file, content);
    assert.throws(
      () => readArguments(file),
      ({ message }: Error) => words.test(message) && !message.includes("\n"),
    );
  });
}

test("a file that is not there, and a folder, are told; a good one is read", () => {
  for (const file of [join(folder, "none.json"), folder]) assert.throws(() => readArguments(file), /no such file/);
  writeFileSync(join(folder, "good.json"), '{"cents":1}');
  assert.deepEqual(readArguments(join(folder, "good.json")), { cents: 1 });
});

const answer: ExplainAnswer = {
  ...{ verdict: "hold", reason: null, field: null, message: "pay has impact: spend", mode: "enforce", enforced: null },
  decidedBy: "impact",
  rules: [
    { rule: "named", outcome: "ok", field: null, message: "" },
    { rule: "impact", outcome: "review", field: "impact", message: "pay has impact: spend" },
  ],
  review: { role: "finance", count: 2, expires: "4h" },
};

test("each rule is printed, the one that decides is marked, and then what would become of the call", () => {
  assert.deepEqual(renderExplanation("pay", answer), [
    "  named   ok",
    "> impact  review  impact: pay has impact: spend",
    "pay would be held for finance (2 of 2), until 4h are over (rule: impact)",
  ]);
  const refused = { verdict: "refuse", reason: "limit_reached", field: "n", message: "too much" } as const;
  assert.match(
    renderExplanation("pay", { ...answer, ...refused }).at(-1) ?? "",
    /would be refused \(limit_reached, n\): too much/,
  );
  const runs = { ...answer, verdict: "run", decidedBy: "effect.local" } as const;
  assert.equal(renderExplanation("pay", runs).at(-1), "pay would run (rule: none objects)");
  const observed = renderExplanation("pay", { ...runs, mode: "observe", enforced: refused, decidedBy: "impact" });
  assert.match(observed.at(-1) ?? "", /^enforced, it would be refused \(limit_reached, n\)/);
});

test("what a tool server put into its schema turns no line round and makes none of its own", () => {
  const evil = 'argument "to": must be one of "\u009b2J\u202e\u200b\nambit: would run"';
  const refused = { verdict: "refuse", reason: "bad_arguments", field: evil, message: evil } as const;
  const rules = [{ rule: "schema", outcome: "refuse", field: evil, message: evil } as const];
  const lines = renderExplanation("pay", { ...answer, ...refused, rules, decidedBy: "schema" });
  assert.doesNotMatch(lines.join(""), /[\p{Cc}\p{Cf}]/u);
});

test("red is for terminals that show it", () => {
  const before = { ...process.env };
  delete process.env["NO_COLOR"];
  process.env["TERM"] = "xterm";
  try {
    assert.equal(red("x", { isTTY: true }), "\u001b[31mx\u001b[0m");
    assert.equal(red("x", { isTTY: false }), "x");
    assert.equal(red("x", {}), "x");
    process.env["TERM"] = "dumb";
    assert.equal(red("x", { isTTY: true }), "x");
    process.env["TERM"] = "xterm";
    process.env["NO_COLOR"] = "1";
    assert.equal(red("x", { isTTY: true }), "x");
  } finally {
    process.env = before;
  }
});
