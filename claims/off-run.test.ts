// The engine behind the table of controls: only a claim that fails while the program still works counts as red.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import type { Mutation } from "./mutations/mutation.ts";
import { applyMutation, Copies, copyTree, judgeOff, runOff } from "./off-run.ts";

const product = `
export function pay(cents: number): string {
  if (cents > 100) return "refused";
  return "paid";
}
`;
const claim = `
import assert from "node:assert/strict";
import { test } from "node:test";
import { pay } from "../src/pay.ts";
test("works at all: a small payment is paid", () => assert.equal(pay(1), "paid"));
test("a large payment is refused", async () => {
  if (pay(101) === "hang") await new Promise((resolve) => setTimeout(resolve, 600_000));
  if (pay(101) === "exit") process.exit(0);
  assert.equal(pay(101), "refused");
});
`;

/** A small tree under git with one control and one claim. */
function openTree(t: TestContext, files: Record<string, string> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "ambit-tree-"));
  t.after(() => rmSync(root, { recursive: true }));
  const all = {
    "src/pay.ts": product,
    "claims/pay.claim.test.ts": claim,
    ".gitignore": "node_modules\n*.log\n",
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  execFileSync("git", ["init", "--quiet", root]);
  return root;
}

function mutation(find: string, replace: string): Mutation {
  const claimed = { claim: "claims/pay.claim.test.ts", red: "a large payment is refused" };
  return { control: "review", name: "the limit", file: "src/pay.ts", find, replace, ...claimed };
}

const outcomes: readonly [string, string, string, "red" | "green" | "broken", RegExp][] = [
  ["that removes the control", "cents > 100", "cents > 1000", "red", /^a large payment is refused$/],
  ["that changes nothing of it", `return "paid"`, `return "pa" + "id"`, "green", /although the control is off/],
  ["that breaks the whole program", `return "paid"`, `return "lost"`, "broken", /works at all.*breaks more/],
  ["that does not parse", "if (cents", "if (((cents", "broken", /breaks more.*did not run to its end/s],
  [
    "that ends the process before the claim can fail",
    `return "refused"`,
    `return "exit"`,
    "broken",
    /pay\.claim\.test\.ts/,
  ],
  ["that is not found", "cents > 200", "cents > 1", "broken", /does not apply: src\/pay\.ts has the text 0 times/],
  ["that is found twice", "return", "throw", "broken", /does not apply: src\/pay\.ts has the text 2 times/],
];
for (const [name, find, replace, state, reason] of outcomes) {
  test(`a mutation ${name} is ${state}`, async (t) => {
    const run = await runOff(openTree(t), mutation(find, replace));
    assert.equal(run.state, state, run.reason);
    assert.match(run.reason, reason);
  });
}

test("a claim without a test named works at all is broken, whatever else fails", async (t) => {
  const root = openTree(t, { "claims/pay.claim.test.ts": claim.replace("works at all: ", "") });
  assert.equal((await runOff(root, mutation("cents > 100", "cents > 1000"))).state, "broken");
});

test("the tree itself is never changed, and the copy is gone afterwards", async (t) => {
  const root = openTree(t);
  const copies = (): string[] =>
    execFileSync("ls", [tmpdir()], { encoding: "utf8" })
      .split("\n")
      .filter((name) => name.startsWith("ambit-off-"));
  const before = copies();
  await runOff(root, mutation("cents > 100", "cents > 1000"));
  assert.equal(readFileSync(join(root, "src/pay.ts"), "utf8"), product);
  assert.deepEqual(
    copies().filter((name) => !before.includes(name)),
    [],
  );
});

test("copies are used again, each without the mutation before, by one mutation at a time", async (t) => {
  const copies = new Copies(openTree(t));
  t.after(() => copies.remove());
  const gone = mutation("cents > 100", "cents > 1000");
  const nothing = mutation(`return "paid"`, `return "pa" + "id"`);
  const states = async (...all: Mutation[]): Promise<string[]> =>
    (await Promise.all(all.map((one) => copies.run(one)))).map(({ state }) => state);
  assert.deepEqual(await states(gone, nothing), ["red", "green"]);
  assert.deepEqual(await states(nothing, gone), ["green", "red"]);
  assert.deepEqual(await states(mutation("cents > 200", "x"), nothing), ["broken", "green"]);
});

test("a copy holds what git has or would have, readable by others, and nothing that is ignored", (t) => {
  const root = openTree(t, { "run.log": "x", "src/deep/a.ts": "a", "src/gone.ts": "x" });
  symlinkSync("src/pay.ts", join(root, "link.ts"));
  execFileSync("git", ["add", "src/gone.ts"], { cwd: root });
  rmSync(join(root, "src/gone.ts"));
  const to = mkdtempSync(join(tmpdir(), "ambit-copy-"));
  t.after(() => rmSync(to, { recursive: true }));
  copyTree(root, to);
  assert.equal(readFileSync(join(to, "src/deep/a.ts"), "utf8"), "a");
  assert.equal(readlinkSync(join(to, "link.ts")), "src/pay.ts");
  assert.deepEqual(
    ["run.log", ".git", "src/gone.ts"].map((path) => existsSync(join(to, path))),
    [false, false, false],
  );
  assert.equal(readlinkSync(join(to, "node_modules")), join(root, "node_modules"));
  for (const path of ["", "src", "src/deep"]) assert.equal(lstatSync(join(to, path)).mode & 0o005, 0o005);
});

test("a folder without git is broken, not an exception", async (t) => {
  const root = openTree(t);
  rmSync(join(root, ".git"), { recursive: true });
  const run = await runOff(root, mutation("cents > 100", "cents > 1000"));
  assert.equal(run.state, "broken");
  assert.match(run.reason, /could not be copied and changed/);
});

test("a replacement is taken literally, and one that changes nothing does not apply", (t) => {
  const root = openTree(t, { "src/pay.ts": "const a = 1;\n" });
  assert.match(applyMutation(root, mutation("a = 1", "a = 1")).problem ?? "", /would not be changed/);
  assert.match(applyMutation(root, mutation("", "x")).problem ?? "", /would not be changed/);
  assert.match(
    applyMutation(root, { ...mutation("a", "b"), file: "src/none.ts" }).problem ?? "",
    /src\/none\.ts is not there/,
  );
  const { problem, undo } = applyMutation(root, mutation("a = 1", "a = '$&$1'"));
  assert.equal(problem, null);
  assert.equal(readFileSync(join(root, "src/pay.ts"), "utf8"), "const a = '$&$1';\n");
  undo();
  assert.equal(readFileSync(join(root, "src/pay.ts"), "utf8"), "const a = 1;\n");
});

const works = { name: "works at all: x", file: "/x/a", line: 1 };
const failing = (failure: string) => ({ name: "y", file: "/x/a", line: 2, failure, message: "m" });
const judged: readonly [string, string[], string[], "red" | "green" | "broken"][] = [
  ["a test that reports failing", ["testCodeFailure"], [], "red"],
  ["a test that reports its own timeout", ["testTimeoutFailure"], [], "red"],
  ["a test that reports failing, then a hung file", ["testCodeFailure"], ["the tests took more than 75 s"], "red"],
  ["a hung file alone", [], ["the tests took more than 75 s"], "broken"],
  ["a failing hook alone", ["hookFailed"], [], "broken"],
  ["a cancelled test alone", ["cancelledByParent"], ["a did not run to its end"], "broken"],
  ["nothing", [], [], "green"],
];
for (const [name, failures, broken, state] of judged) {
  test(`${name} beside a program that works is ${state}`, () => {
    assert.equal(judgeOff({ passed: [works], failed: failures.map(failing), skipped: [], broken }).state, state);
  });
}

// Red by the one that it names: the first of the table above.
test("a mutation is green by a test that it does not name", async (t) => {
  const named = (red: string) => runOff(openTree(t), { ...mutation("cents > 100", "cents > 1000"), red });
  assert.equal((await named("a large payment is")).state, "green");
  assert.equal((await named("a large payment (or two) is refused")).state, "green");
});
