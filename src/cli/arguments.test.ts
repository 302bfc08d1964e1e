import assert from "node:assert/strict";
import { test } from "node:test";
import { HelpAsked, readLine, UsageError } from "./arguments.ts";

const read = (...args: string[]) => readLine(args, "greet NAME [--loud]", { loud: "switch" }, [1, 1]);

test("--help and -h say how a verb is used, whatever else stands there", () => {
  for (const args of [["--help"], ["-h"], ["amy", "--help"], ["--nonsense", "-h"], ["a", "b", "c", "--help"]]) {
    assert.throws(() => read(...args), new HelpAsked("Usage: ./ambit greet NAME [--loud]"));
  }
});

test("after -- they are words like any other", () => {
  assert.deepEqual(read("--", "--help").words, ["--help"]);
  assert.deepEqual(read("--loud", "--", "-h").words, ["-h"]);
});

test("an unknown flag, too few words and too many are named with the usage", () => {
  assert.throws(() => read("amy", "--quiet"), /Unknown option '--quiet'.*Usage: \.\/ambit greet NAME/);
  for (const args of [[], ["amy", "bob"]]) assert.throws(() => read(...args), UsageError);
});
