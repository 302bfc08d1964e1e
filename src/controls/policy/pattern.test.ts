// What a pattern accepts, one step from what it refuses; that it agrees with the engine where the engine ends; and that
// it ends where the engine does not.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findPatternFault, parsePattern, type Pattern } from "./pattern.ts";

function parse(source: string): Pattern {
  const pattern = parsePattern(source, { left: 5000 });
  if (typeof pattern === "string") assert.fail(pattern);
  return pattern;
}

const matches = (source: string, text: string): boolean => parse(source).matches(text, { left: 1_000_000 });

/** Pattern, a text that fits, and its twin one character away that does not. */
const rows: readonly (readonly [pattern: string, fits: string, refused: string])[] = [
  ["^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$", "DE89370400440532013000", "dE89370400440532013000"],
  ["^[^@]+@[^@]+\\.[^@]+$", "a@b.c", "a@b@c"],
  ["^(\\d{3}-)?\\d{4}$", "123-4567", "12-34567"],
  ["^(?:ab|cd)+$", "abcdab", "abcda"],
  ["b", "abc", "acc"],
  ["^a*$", "aaa", "aab"],
  ["^a+$", "a", ""],
  ["^a{2,3}$", "aaa", "aaaa"],
  ["^a{2,}$", "aaaaa", "a"],
  ["^a{2}$", "aa", "aaa"],
  ["^a??$", "a", "aa"],
  ["^.$", "x", "\n"],
  ["^\\p{Lu}$", "\u00c4", "\u00e4"],
  ["^\\u0041$", "A", "B"],
  ["^\\u{1F600}$", "\u{1f600}", "\u{1f601}"],
  ["^\\ud83d\\ude00$", "\u{1f600}", "\u{1f601}"],
  ["^\\x41\\cJ$", "A\n", "A\r"],
  ["^[\\]\\-a]$", "]", "["],
  ["^[(]a[)*]$", "(a*", "(a+"],
  ["\\bid\\b", "an id.", "an idea"],
  ["\\Bd", "id", "d"],
  ["^(|a)b$", "b", "ab "],
  ["^(a*)*b$", "aab", "aac"],
  ["^\\.\\*$", ".*", "a*"],
  ["^(?:a|b(?:c|d)){2}$", "abd", "abe"],
];

for (const [pattern, fits, refused] of rows) {
  test(`${pattern} fits ${JSON.stringify(fits)} and refuses ${JSON.stringify(refused)}`, () => {
    assert.equal(matches(pattern, fits), true);
    assert.equal(matches(pattern, refused), false);
    assert.equal(new RegExp(pattern, "u").test(fits), true, "the row itself is wrong");
    assert.equal(new RegExp(pattern, "u").test(refused), false, "the row itself is wrong");
  });
}

const faults: readonly (readonly [pattern: string, words: RegExp, twin: string])[] = [
  ["(a)\\1", /back-reference/, "(a)\\x31"],
  ["(?<n>a)\\k<n>", /back-reference/, "(?:a)"],
  ["(?=a)b", /look-around/, "(?:a)b"],
  ["(?!a)b", /look-around/, "(a)b"],
  ["(?<=a)b", /look-around/, "[(?<=]b"],
  ["(?<!a)b", /look-around/, "\\(?<!a\\)b"],
  ["(?i:a)", /look-around/, "(?:[aA])"],
  ["(", /not a regular expression/, "\\("],
  ["[b-a]", /not a regular expression/, "[a-b]"],
  ["a**", /not a regular expression/, "a*?"],
  ["\\-", /not a regular expression/, "[\\-]"],
  [`a{501}${"a".repeat(500)}`, /over 500 characters/, "a".repeat(500)],
];

for (const [pattern, words, twin] of faults) {
  test(`${pattern.slice(0, 20)} is refused and ${twin.slice(0, 20)} is not`, () => {
    assert.match(findPatternFault(pattern) ?? "accepted", words);
    assert.equal(findPatternFault(twin), undefined);
  });
}

test("a pattern with more states than allowed is refused, one with fewer is not", () => {
  const words = /too large/;
  for (const pattern of [
    "a{6000}",
    "(a{100}){100}",
    "((a{20}){20}){20}",
    "(){1000000000}",
    "(?:){1,1000000000}",
    "(a{1,9}){1,99999999999999999999}",
  ]) {
    const parsed = parsePattern(pattern, { left: 5000 });
    assert.ok(typeof parsed === "string" && words.test(parsed), pattern);
  }
  for (const pattern of ["a{1000}", "(a{20}){20}", "(){1000}"])
    assert.equal(typeof parsePattern(pattern, { left: 5000 }), "object");
});

test("patterns of one schema share their states", () => {
  const states = { left: 1000 };
  assert.equal(typeof parsePattern("a{600}", states), "object");
  assert.equal(typeof parsePattern("a{600}", states), "string");
});

test("the message shows no more than the beginning of a pattern, and no control characters", () => {
  const fault = findPatternFault(`(?=${"\u0007".repeat(400)}`) ?? "";
  assert.ok(fault.length < 700);
  assert.ok(!fault.includes("\u0007"));
});

/** Each takes the engine's own matcher longer than anybody waits on the text beside it. */
const endless: readonly (readonly [pattern: string, text: string])[] = [
  ["^(a+)+$", `${"a".repeat(99_999)}!`],
  ["^(a|a)*$", `${"a".repeat(99_999)}!`],
  ["^(a|aa)+$", `${"a".repeat(99_999)}!`],
  ["^(a*)*$", `${"a".repeat(99_999)}!`],
  ["^(.*)*=(.*)*$", "x".repeat(100_000)],
  ["(x+x+)+y", "x".repeat(100_000)],
  ["^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}$", `${"a".repeat(99_999)}!`],
  [`^${"a?".repeat(200)}${"a".repeat(50)}$`, "a".repeat(100_000)],
  [".*.*.*.*.*=", "x".repeat(100_000)],
  ["(?:\\w+\\s?)+;", "word ".repeat(20_000)],
  ["^(\\p{Extended_Pictographic}|\\p{Emoji_Component})+$", `${"\u{1f9b0}".repeat(50_000)}x`],
];

for (const [pattern, text] of endless) {
  test(`${pattern.slice(0, 40)} ends on ${text.length} hostile characters, or its budget does`, () => {
    const meter = { left: 2_000_000 };
    const began = process.cpuUsage();
    const answer = parse(pattern).matches(text, meter);
    const spent = process.cpuUsage(began).user / 1000;
    assert.equal(answer, false);
    // Single steps of one position are not cut short: the overdraft is at most the states of the pattern.
    assert.ok(meter.left > -5000, `${meter.left}`);
    assert.ok(spent < 3000, `${spent} ms`);
  });
}

test("a used up budget never reads as a match", () => {
  const meter = { left: 50 };
  assert.equal(parse("^a*$").matches("a".repeat(100), meter), false);
  assert.ok(meter.left < 0);
  assert.equal(matches("^a*$", "a".repeat(100)), true);
});

const atoms = [
  "a",
  "b",
  ".",
  "[ab]",
  "[^a]",
  "\\w",
  "\\d",
  "\\b",
  "\\B",
  "^",
  "$",
  "",
  "\\.",
  "\\u{61}",
  "[\\]b]",
  "\\p{L}",
];
const quantifiers = ["*", "+", "?", "{2}", "{1,2}", "{1,}", "{0}", "*?", "??"];
const patterns = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(...atoms),
    fc.tuple(tie("pattern"), tie("pattern")).map(([one, two]) => one + two),
    fc.tuple(tie("pattern"), tie("pattern")).map(([one, two]) => `(${one}|${two})`),
    fc.tuple(tie("pattern"), fc.constantFrom(...quantifiers)).map(([one, often]) => `(?:${one})${often}`),
  ),
})).pattern;

test("every answer is the engine's own, where the engine ends", () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "b", "\u00e9", "1", " ", "\n"), maxLength: 6 }), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(patterns, texts, (pattern, tried) => {
      const parsed = parse(pattern);
      const engine = new RegExp(pattern, "u");
      for (const text of tried)
        assert.equal(parsed.matches(text, { left: 100_000 }), engine.test(text), `${pattern} on ${text}`);
    }),
    { numRuns: 3000 },
  );
});
