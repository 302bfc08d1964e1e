import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { makeOpenApi } from "./openapi.ts";
import { renderPage } from "./api-page.ts";
import { rows } from "./routes.ts";

const document = makeOpenApi(rows, "1");

test("the document is OpenAPI 3.1 as others read it, and one with a slip is not", async () => {
  const validator = new Validator();
  const good = await validator.validate(structuredClone(document) as unknown as Record<string, unknown>);
  assert.deepEqual([good.valid, good.errors], [true, undefined]);
  assert.equal(validator.version, "3.1");
  const slip = { ...structuredClone(document), paths: { "/x": { get: { operationId: 1 } } } };
  assert.equal((await new Validator().validate(slip)).valid, false);
});

test("every reference leads to something, and everything that is named is referred to", () => {
  const text = JSON.stringify(document);
  const named = Object.keys(document.components["schemas"] as object);
  const used = new Set([...text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name ?? ""));
  assert.deepEqual([...used].sort(), named.toSorted());
  assert.doesNotMatch(text, /#\/\$defs/);
});

test("each row of the table is in the document once, with its role, its event and its schemas", () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ key: `${method.toUpperCase()} ${path}`, ...operation })),
  );
  assert.deepEqual(operations.map(({ key }) => key).sort(), rows.map(({ method, path }) => `${method} ${path}`).sort());
  for (const row of rows) {
    const operation = operations.find(({ key }) => key === `${row.method} ${row.path}`);
    assert.equal(operation?.operationId, row.id);
    assert.equal(operation?.["x-role"], row.role);
    assert.equal(operation?.["x-audit-event"] ?? null, row.event);
    assert.equal(operation?.requestBody === undefined, row.body === null);
    const inPath = (operation?.parameters ?? []).filter((one) => one.in === "path").map(({ name }) => name);
    assert.deepEqual(
      inPath,
      [...row.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
    );
  }
});

test("what a body may not hold is in the document too: no other keys, at any depth that is ours", () => {
  const schemas = document.components["schemas"] as Record<string, { type?: string; additionalProperties?: unknown }>;
  for (const row of rows.filter(({ body }) => body !== null)) {
    assert.equal(schemas[`${row.id}Request`]?.additionalProperties, false, row.id);
  }
});

test("the page has every route, no script, nothing from elsewhere, and words of others are shown as words", () => {
  const page = renderPage(document);
  for (const { id, path } of rows) {
    assert.ok(page.includes(`id="${id}"`), id);
    assert.ok(page.includes(path), path);
  }
  assert.doesNotMatch(page, /<script|<style|\son\w+=|style=|https?:\/\//i);
  const evil = { ...document, info: { ...document.info, title: `<img src=x onerror=alert(1)>"'&` } };
  const shown = renderPage(evil);
  assert.ok(!shown.includes("<img"));
  assert.ok(shown.includes("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
});
