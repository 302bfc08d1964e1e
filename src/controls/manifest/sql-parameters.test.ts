// What is a parameter, as SQLite reads it, and what only looks like one.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import fc from "fast-check";
import { findSqlFaults, sqlParameters } from "./sql-parameters.ts";

const rows: readonly (readonly [sql: string, names: readonly string[]])[] = [
  ["select * from a where b = :b", ["b"]],
  ["select :a, :b, :a", ["a", "b"]],
  ["select ':a', ':b'':c'", []],
  [`select ":a", \`:b\`, [:c]`, []],
  ["select 1 -- :a\n, :b", ["b"]],
  ["select 1 /* :a */, :b /* :c", ["b"]],
  ["select '--', :a", ["a"]],
  ["select '/*', :a, '*/'", ["a"]],
  ["select x'3a', :a", ["a"]],
  ["select :a1_b", ["a1_b"]],
  ["select 'it''s', :a", ["a"]],
  ["", []],
];

for (const [sql, names] of rows) {
  test(`${JSON.stringify(sql)} takes ${names.join(", ") || "nothing"}`, () =>
    assert.deepEqual(sqlParameters(sql), names));
}

/** Names that SQLite itself wants bound: it refuses a name that does not stand in the statement. */
function isNamed(db: DatabaseSync, sql: string, name: string): boolean {
  try {
    db.prepare(sql).get({ [name]: "x" });
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && /Unknown named parameter/.test(thrown.message)) return false;
    throw thrown;
  }
}

test("SQLite sees the same parameters in whatever it can read", () => {
  const db = new DatabaseSync(":memory:");
  const pieces = fc.constantFrom(
    "1",
    ":a",
    "':a'",
    "'''':a''",
    '":a"',
    "/*:a*/",
    "--:a\n",
    "/*",
    "'x'",
    " ",
    "||",
    ",",
    ":b",
    "x'3a'",
    "[:a]",
  );
  let read = 0;
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 6 }), (parts) => {
      const sql = `select ${parts.join(" ")}`;
      for (const name of ["a", "b"]) {
        let seen: boolean;
        try {
          seen = isNamed(db, sql, name);
        } catch {
          return;
        }
        read += 1;
        assert.equal(sqlParameters(sql).includes(name), seen, sql);
      }
    }),
    { numRuns: 3000 },
  );
  db.close();
  assert.ok(read > 500, `only ${read} were readable`);
});

test("a SELECT is without fault with strings, comments and one semicolon at its end", () => {
  for (const sql of [
    "select 1",
    "SELECT 1;",
    " -- note\nselect 1 ; -- end",
    "with a as (select 1) select * from a",
    "select 'delete', \"update\"",
  ]) {
    assert.deepEqual(findSqlFaults(sql), [], sql);
  }
  for (const sql of [
    "",
    ";",
    "-- select 1",
    "'select'",
    "selected",
    "explain select 1",
    "pragma user_version",
    "attach 'x' as y",
    "values (1)",
  ]) {
    assert.ok(findSqlFaults(sql).includes("must be one SELECT"), sql);
  }
});
