// The story's lines fit whatever terminal it is told on, and no text of somebody else leaves its line.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { visible } from "./authority.ts";
import { askVerdict, parseVerdict } from "./demo-ask.ts";
import { invitations } from "./demo-invite.ts";
import { guiltyLines, widthOf, wrap, wrapCommand, type Page } from "./demo-page.ts";

const texts = [
  "Amy writes to the agent: please process message msg_1001",
  "x".repeat(200),
  `a ${"0123456789".repeat(9)} b`,
  "請求書を処理してください。口座番号は変わりません。 支払い",
  "a👩‍👩‍👧 👍🏽 ".repeat(20),
  "e\u0301".repeat(90),
  "\u001b[31mred\u001b[0m \u202e turned \r\n over",
];

for (const width of [20, 40, 80]) {
  test(`no line is wider than ${width} columns, and nothing is lost`, () => {
    for (const text of texts) {
      const lines = wrap(text, width, ">> | ", "   | ");
      for (const line of lines) assert.ok(widthOf(line) <= width, `${widthOf(line)}: ${line}`);
      const back = lines.map((line) => line.slice(5)).join("");
      assert.equal(back.replaceAll(" ", ""), visible(text).replaceAll(" ", ""));
    }
  });
}

for (const [text, width] of [
  ["abc", 3],
  ["\u001b[31mabc\u001b[0m", 3],
  ["支払", 4],
  ["👩‍👩‍👧", 2],
  ["e\u0301", 1],
  ["！", 2],
  ["é", 1],
] as const) {
  test(`${JSON.stringify(text)} takes ${width} columns`, () => assert.equal(widthOf(text), width));
}

test("a word that fits on a line is not broken, and a control of somebody else's text is not passed on", () => {
  assert.deepEqual(wrap("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrap("a\u001b[2Jb", 80), ["a\\u{1b}[2Jb"]);
});

test("a line is marked when it has the value, however spaced, and no other", () => {
  const lines = ["Pay GB82 WEST 1234", "to the account you know", "COLLECT@evil.example", "gb82west12"];
  assert.deepEqual(guiltyLines(lines, ["GB82WEST1234", "collect@evil.example"]), [true, false, true, false]);
  assert.deepEqual(guiltyLines(lines, ["", "the"]), [false, false, false, false]);
});

for (const width of [20, 40, 80]) {
  test(`a command in ${width} columns is the same command to a shell`, () => {
    const words = ["x".repeat(100), "two words", "a;b", "it is  all", "-"];
    const command = `AMBIT_TOKEN=${"t".repeat(90)} printf "%s;" ${words.map((word) => `"${word}"`).join(" ")}`;
    const lines = wrapCommand(command, width);
    for (const line of lines) assert.ok(widthOf(line) <= width, line);
    assert.equal(execFileSync("sh", ["-c", lines.join("\n")], { encoding: "utf8" }), `${words.join(";")};`);
  });
}

test("from another folder the commands name this one, quoted", () => {
  const [chat] = invitations({ name: "clerk", token: "t" }, "/tmp/a folder", "/");
  assert.match(chat?.command ?? "", /^AMBIT_TOKEN=t \/.*\/ambit chat clerk --state "\/tmp\/a folder" /);
});

test("only the whole word approves", () => {
  for (const typed of ["a", "y", "yes", "", "approved", "1"]) assert.equal(parseVerdict(typed), undefined);
  assert.deepEqual([parseVerdict(" Approve "), parseVerdict("d"), parseVerdict("no")], ["approve", "deny", "deny"]);
});

const page: Page = { width: 80, say: () => undefined, lines: () => undefined, during: (_words, work) => work };
const never = new AbortController().signal;

test("an answer that is none is asked for again; the end of the input, a stop and the time are no answer", async () => {
  const ask = async (typed: string, signal = never, limitMs = 5000) => {
    const input = new PassThrough();
    const answer = askVerdict({ page, input, signal, limitMs });
    if (typed === "end") input.end();
    else input.write(typed);
    return answer;
  };
  assert.equal(await ask("yes\napprove\n"), "approve");
  assert.equal(await ask("end"), undefined);
  assert.equal(await ask("", never, 5), undefined);
  assert.equal(await ask("", AbortSignal.timeout(5)), undefined);
});
