// Every way of switching a control off still fits the tree, so that the table cannot rot unnoticed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { controls } from "../src/controls.ts";
import { mutations } from "./mutations.ts";
import { mutationProblem } from "./off-run.ts";

for (const { control, name, file, find, replace, claim } of mutations) {
  test(`${control} without ${name}: the mutation applies to ${file}`, () => {
    assert.ok(!/(^|\/)\.\.(\/|$)|^\//.test(file) && !file.endsWith(".test.ts"), `${file}: only the product is mutated`);
    assert.equal(mutationProblem(readFileSync(new URL(`../${file}`, import.meta.url), "utf8"), find, replace), null);
    assert.equal(
      controls.find(({ id }) => id === control)?.claimTest,
      claim,
      "the claim is not the control's in the register",
    );
  });
}

test("every control with a claim can be switched off", () => {
  const missing = controls.filter(
    ({ id, claimTest }) => claimTest !== null && !mutations.some(({ control }) => control === id),
  );
  assert.deepEqual(
    missing.map(({ id }) => id),
    [],
  );
});

test("no two mutations of a control have the same name", () => {
  const names = mutations.map(({ control, name }) => `${control}: ${name}`);
  assert.deepEqual(names, [...new Set(names)]);
});
