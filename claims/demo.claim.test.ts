// The demo as a person starts it: every scene ends as it must, by the own files of what they work on, and each of them is there. Which
// controls the scenes lean on has a claim of its own in the register; this one is about the demo.
import { strict as assert } from "node:assert";
import { spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { text } from "node:stream/consumers";
import { node, root } from "../src/cli/child.ts";
import type { SceneResult } from "../src/cli/demo-scene.ts";
import { freshState } from "./fresh-state.ts";

const names = [
  ...["honest-invoice", "poisoned-invoice", "denied", "approval-replayed", "arguments-changed", "approval-expired"],
  ...["two-person", "unknown-tool", "over-limit", "changed-tool", "unlisted-sender"],
  ...["rate-limited", "forged-history", "rolled-back", "frozen"],
  ...["honest-grant", "poisoned-request", "self-approval", "privileged-two", "notice-published"],
  ...["offboarding", "lock-out"],
];
const state = freshState();
let results: SceneResult[] = [];
let code: number | null = null;

before(async () => {
  const args = [`${root}src/cli/main.ts`, "demo", "--once", "--json", "--state", state.folder];
  const child = spawn(node, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const lines = (await text(child.stdout)).trim().split("\n");
  results = lines.map((line) => JSON.parse(line) as SceneResult);
  code = await ended;
});

after(() => state.remove());

test("works at all: the demo plays every scene, in order, one line each, and ends with 0", () => {
  assert.deepEqual(
    results.map(({ scene }) => scene),
    names,
  );
  assert.equal(code, 0);
});

for (const name of names) {
  test(`${name} ends as it must`, () => {
    const result = results.find(({ scene }) => scene === name);
    assert.deepEqual(Object.keys(result ?? {}), ["scene", "expected", "observed", "ok"]);
    assert.equal(result?.observed, result?.expected);
    assert.equal(result?.ok, true);
  });
}
