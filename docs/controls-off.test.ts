// The published table of controls switched off has a row for each way there is now, and each was noticed by the test that
// is named for it. Its day is not looked at: the claims themselves run again every time.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mutations } from "../claims/mutations.ts";
import type { Row } from "../claims/table.ts";
import { cellsOf, command, readPage, renderPage } from "./controls-off.ts";

const [, ...published] = readPage();
const key = (control = "", name = "") => `${control.replaceAll("`", "")} without ${name}`;
const escape = (text: string) => text.replaceAll("|", "\\|");
const now = new Map(mutations.map(({ control, name, red }) => [key(control, escape(name)), escape(red)]));
const rows = new Map(published.map(([control, name, off, test_]) => [key(control, name), { off, test: test_ }]));

test("docs/controls-off.md names no way of switching off that is gone, and lacks none", () => {
  const gone = [...rows.keys()].filter((name) => !now.has(name));
  const missing = [...now.keys()].filter((name) => !rows.has(name));
  assert.deepEqual(
    { gone, missing },
    { gone: [], missing: [] },
    `docs/controls-off.md is of another state: ${command}`,
  );
  assert.equal(published.length, mutations.length, "a way stands there twice");
});

test("every row of docs/controls-off.md was noticed, by the test that is named for it now", () => {
  for (const [name, row] of rows) assert.deepEqual(row, { off: "red", test: now.get(name) }, `${name}: run ${command}`);
});

test("a page says how many were noticed, and a row that was not shows", () => {
  const base = { control: "schemas", on: "green", reason: "a | b\nmore" } as const;
  const red: Row = { ...base, mutation: "one", off: "red", verdict: "passed" };
  const green: Row = { ...base, mutation: "two", off: "green", verdict: "failed" };
  const text = renderPage([red, green], "2026-11-25");
  assert.match(text, /On 2026-11-25: \*\*1 of 2 were noticed\*\*, over 1 controls/);
  assert.match(text, /\| `schemas` +\| two +\| green +\| a \\\| b +\|/);
  assert.deepEqual(cellsOf([red])[1], ["`schemas`", "one", "red", "a \\| b"]);
});
