// The README claims exactly what the register claims.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { controls } from "../src/controls.ts";
import { cellsOf, readReadme, readTable, renderTable, replaceTable } from "./controls-table.ts";

const markers = "before\n<!-- controls:start -->\nold\n<!-- controls:end -->\nafter\n";

test("the table in README.md is the register's, cell by cell", () => {
  assert.deepEqual(
    readTable(readReadme()),
    cellsOf(controls),
    "README.md does not say what src/controls.ts says: run node docs/controls-table.ts",
  );
});

test("every control has one row, a claim of one sentence, and a claim test that is there unless it is not built", () => {
  assert.equal(new Set(controls.map((control) => control.id)).size, 19);
  assert.equal(controls.length, 19);
  for (const { id, claim, note, state, claimTest, rooms } of controls) {
    assert.match(claim, /^[A-Z][^.!?]*\.$/, id);
    assert.match(note, /\.$/, id);
    assert.ok(rooms.length > 0, id);
    if (state === "enforced") assert.ok(claimTest !== null, `${id} is called enforced and no claim test shows it`);
    if (state === "not built") assert.equal(claimTest, null, id);
    if (claimTest !== null)
      assert.ok(existsSync(new URL(`../${claimTest}`, import.meta.url)), `${claimTest} is missing`);
  }
});

test("a table is written between the markers and read back, with bars in its cells and nothing else touched", () => {
  const cells = [
    ["a", "b"],
    ["one \\| two", "x"],
  ];
  const written = replaceTable(markers, renderTable(cells));
  assert.deepEqual(readTable(written), cells);
  assert.ok(written.startsWith("before\n<!-- controls:start -->\n\n| a"));
  assert.ok(written.endsWith("\n\n<!-- controls:end -->\nafter\n"));
  assert.deepEqual(
    readTable(replaceTable("\n\na\n<!-- controls:start -->\n<!-- controls:end -->", renderTable(cells))),
    cells,
  );
});

test("one changed word, one missing row and one row too many are seen", () => {
  const table = renderTable(cellsOf(controls));
  const rows = table.split("\n");
  for (const other of [
    table.replace("not built", "enforced"),
    rows.slice(0, -1).join("\n"),
    [...rows, rows[3]].join("\n"),
  ]) {
    assert.notDeepEqual(readTable(replaceTable(markers, other)), cellsOf(controls));
  }
});

test("missing, doubled or swapped markers are refused with the command that writes the table", () => {
  for (const text of [
    "",
    markers.replace("start", "begin"),
    markers + markers,
    "<!-- controls:end --><!-- controls:start -->",
  ]) {
    assert.throws(() => readTable(text), /once each.*run: node docs\/controls-table\.ts/);
  }
});
