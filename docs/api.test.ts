import assert from "node:assert/strict";
import { test } from "node:test";
import { rows } from "../src/admin/routes.ts";
import { readPage, readRoutes, renderRoutes } from "./api.ts";

test("the routes of docs/api.md are those of the table: run node docs/api.ts", () => {
  assert.equal(readRoutes(readPage()), renderRoutes(rows));
});

test("a page that lost its markers is refused", () => {
  assert.throws(() => readRoutes("# API"), /has lost its markers/);
});
