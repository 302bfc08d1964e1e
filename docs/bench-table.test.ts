// No figure of README.md or docs/measured.md is older or better than the file that it came from.
import assert from "node:assert/strict";
import { test } from "node:test";
import { between, command, readPage, readResults, renderAll, renderShort } from "./bench-table.ts";

const results = readResults();

test("the figures of README.md and docs/measured.md are those of bench/results", () => {
  assert.ok(results.length > 0);
  assert.equal(between(readPage("README.md")), renderShort(results), `run ${command}`);
  assert.equal(between(readPage("docs/measured.md")), renderAll(results), `run ${command}`);
});

test("a page that lost its markers, or has them twice, is refused with the command", () => {
  const whole = "<!-- bench:start -->\nx\n<!-- bench:end -->";
  assert.equal(between(whole), "x");
  for (const text of ["", whole + whole, "<!-- bench:end --><!-- bench:start -->", "<!-- bench:start -->"])
    assert.throws(() => between(text), /once each.*run: node docs\/bench-table\.ts/);
});
