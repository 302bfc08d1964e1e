// The page, the schema for editors and the parser say the same of a deployment file.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseDocument } from "yaml";
import { z } from "zod";
import { lintManifest } from "../src/controls/manifest/lint.ts";
import { parseManifest } from "../src/controls/manifest/parse.ts";
import { parseJsonSchema } from "../src/controls/policy/json-schema.ts";
import { cellsOf, command, makeJsonSchema, readFiles, replaceFields } from "./deployment-file.ts";

const page = readFileSync(new URL("deployment-file.md", import.meta.url), "utf8");
const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
const schema = makeJsonSchema();
const rule = parseJsonSchema(schema);
const fits = (value: unknown): boolean => {
  if (typeof rule === "string") assert.fail(rule);
  return rule(value, "", { left: 1_000_000 }) === undefined;
};

for (const { name, is, should } of readFiles()) {
  test(`${name} is what the schema makes of it`, () => {
    assert.equal(is, should, `${name} is not what src/controls/manifest/schema.ts says: run ${command}`);
  });
}

test("every field has its row, its meaning and a kind that says something", () => {
  const [, ...rows] = cellsOf(schema);
  const fields = rows.map(([field]) => field);
  assert.equal(new Set(fields).size, fields.length);
  for (const field of [
    "version",
    "agent.model.base_url",
    "records.<record>.sql",
    "servers.<server>.tools.<tool>.max",
    "egress.allow",
  ]) {
    assert.ok(fields.includes(`\`${field}\``), field);
  }
  for (const [field, kind, , meaning] of rows) {
    assert.ok(meaning !== "" && kind !== "" && !kind?.includes("anything") && !kind?.includes("undefined"), field);
  }
});

test("the example of the page parses, has no error, and fits the schema for editors", () => {
  const parsed = parseManifest(example);
  if ("problems" in parsed) assert.fail(JSON.stringify(parsed.problems));
  assert.deepEqual(
    lintManifest(parsed.manifest).filter(({ level }) => level === "error"),
    [],
  );
  assert.equal(fits(parseDocument(example).toJS()), true);
});

test("every field of the page's example stands in the table, and one letter less is refused by parser and editor alike", () => {
  const value = parseDocument(example).toJS() as { [key: string]: unknown };
  for (const key of Object.keys(value)) {
    const { [key]: member, ...others } = value;
    const misspelt = { ...others, [key.slice(1)]: member };
    assert.equal(fits(misspelt), false, key);
    assert.ok("problems" in parseManifest(JSON.stringify(misspelt)), key);
    assert.ok(cellsOf(schema).some(([field]) => field === `\`${key}\``));
  }
});

test("a page without its markers, or with two of them, is refused with the command that writes it", () => {
  assert.throws(() => replaceFields("nothing", "x"), /once each.*run: node docs\/deployment-file\.ts/);
  assert.throws(() => replaceFields(page + page, "x"), /once each/);
  assert.throws(() => replaceFields("<!-- fields:end --><!-- fields:start -->", "x"), /once each/);
  const written = replaceFields("a\n<!-- fields:start -->\nold\n<!-- fields:end -->\nb\n", "| x |");
  assert.equal(written, "a\n<!-- fields:start -->\n\n| x |\n\n<!-- fields:end -->\nb\n");
  assert.equal(replaceFields(written, "| x |"), written);
});

test("a changed description, default or bound is another table", () => {
  const before = JSON.stringify(cellsOf(schema));
  const changed = z.toJSONSchema(z.strictObject({ a: z.int().min(1).max(2).default(1).describe("x") }), {
    io: "input",
  });
  assert.deepEqual(cellsOf(changed as typeof schema)[1], ["`a`", "whole number, 1 to 2", "`1`", "x"]);
  assert.notEqual(
    JSON.stringify(cellsOf({ ...schema, properties: { ...schema.properties, extra: { type: "string" } } })),
    before,
  );
});
