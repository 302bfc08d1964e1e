// Which tools exist: what the file names and the pins hold, and nothing that a server or a name adds.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../boundary.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { decideCall } from "../../controls/policy/decide.ts";
import { contextOf } from "../../controls/policy/fixtures/context.ts";
import type { Pin } from "../ledger/pin-store.ts";
import { buildCatalog, openCatalog, recordServer, type CatalogTool } from "./catalog.ts";

const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
const view = {
  file: "./erp.sqlite",
  sql: "select * from a where tenant = :tenant and id = :id",
  bind: { tenant: "acme" },
};

function release(servers: object, records: object = {}, id = "0"): Release {
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model } },
    ...{ servers, records },
  });
  return { v: 1, release: id.repeat(64), manifest, instructions: "", policy: null, recordFiles: {} };
}

const erp = (tools: object): object => ({ erp: { url: "https://erp.example/mcp", tools } });
const schema: JsonObject = {
  type: "object",
  properties: { tenant: {}, id: { type: "string" } },
  required: ["tenant", "id"],
};
const pin = (tool: string, more: Partial<Pin> = {}): Pin => ({
  ...{ server: "erp", tool, hash: "a".repeat(64), description: `does ${tool}`, schema, state: "pinned" },
  ...more,
});
const pay = { effect: "outward", authority: ["id"], bind: { tenant: "acme" } };
const names = (catalog: readonly CatalogTool[]): string[] => catalog.map(({ name }) => name);

test("a tool exists when the file names it and its pin stands", () => {
  const [tool, ...more] = buildCatalog(release(erp({ pay })), [pin("pay")]);
  assert.deepEqual(more, []);
  assert.deepEqual([tool?.name, tool?.server, tool?.tool, tool?.description], ["pay", "erp", "pay", "does pay"]);
  assert.equal(tool?.toolHash, "a".repeat(64));
});

/** Each is one step away from the tool that exists. */
const absent: readonly (readonly [name: string, pins: readonly Pin[]])[] = [
  ["that is not pinned", []],
  ["whose definition changed", [pin("pay", { state: "quarantined" })]],
  ["that its server no longer has", [pin("pay", { state: "absent" })]],
  ["that the file does not name", [pin("pay2")]],
  ["of another case", [pin("Pay")]],
  ["of a server that the file does not name", [pin("pay", { server: "crm" })]],
  ["of the prototype", [pin("constructor"), pin("toString"), pin("__proto__")]],
  [
    "of a server of the prototype",
    [pin("constructor", { server: "constructor" }), pin("pay", { server: "__proto__" })],
  ],
  ["whose schema cannot be checked", [pin("pay", { schema: { type: "object", properties: { a: { $ref: "#" } } } })]],
  ["whose schema is no object", [pin("pay", { schema: { type: "string" } })]],
];

for (const [name, pins] of absent) {
  test(`a tool ${name} does not exist`, () => assert.deepEqual(buildCatalog(release(erp({ pay })), pins), []));
}

test("a tool that really is called constructor exists when it is named", () => {
  const servers = { constructor: { url: "https://erp.example/mcp", tools: { constructor: pay } } };
  assert.deepEqual(names(buildCatalog(release(servers), [pin("constructor", { server: "constructor" })])), [
    "constructor",
  ]);
});

test("the model sees neither a bound argument nor that it is required, and the check still knows both", () => {
  const [tool] = buildCatalog(release(erp({ pay })), [pin("pay")]);
  assert.ok(tool);
  assert.ok(!JSON.stringify(tool.schema).includes("tenant"));
  assert.deepEqual(tool.schema["required"], ["id"]);
  const decide = (args: JsonObject) => {
    const call = { callId: "c", server: "erp", tool: "pay", arguments: args };
    return decideCall(call, contextOf({ contract: tool.contract, schema: tool.checker }));
  };
  assert.deepEqual(decide({ id: "1" }).arguments, { id: "1", tenant: "acme" });
  assert.equal(decide({ id: "1", tenant: "acme" }).verdict.verdict, "refuse");
  assert.equal(decide({}).verdict.verdict, "refuse");
});

test("a dot in a tool's name is an underscore to the model and a dot to its server", () => {
  const [tool] = buildCatalog(release(erp({ "mail.send": pay })), [pin("mail.send")]);
  assert.deepEqual([tool?.name, tool?.tool], ["mail_send", "mail.send"]);
});

test("a record view is a tool that only reads, with its open parameters and no others", () => {
  const [tool] = buildCatalog(release({}, { open: view }), []);
  assert.ok(tool);
  assert.deepEqual(
    [tool.name, tool.server, tool.contract.effect, tool.contract.impact],
    ["open", recordServer, "read", "none"],
  );
  assert.deepEqual(Object.keys(tool.schema["properties"] as JsonObject), ["id"]);
  assert.deepEqual(tool.schema["required"], ["id"]);
  const verdict = (args: JsonObject) =>
    decideCall(
      { callId: "c", server: recordServer, tool: "open", arguments: args },
      contextOf({ contract: tool.contract, schema: tool.checker }),
    ).verdict.verdict;
  for (const id of ["x", 1, true, null]) assert.equal(verdict({ id }), "allow");
  for (const args of [{}, { id: [1] }, { id: "x".repeat(4097) }, { id: 1, tenant: "globex" }, { id: 1, limit: 1 }])
    assert.equal(verdict(args), "refuse");
});

test("a view has another hash for another query, and no server can be named like the views", () => {
  const hash = (more: object) => buildCatalog(release({}, { open: { ...view, ...more } }), [])[0]?.toolHash;
  assert.notEqual(hash({ sql: "select * from a where tenant = :tenant and id > :id" }), hash({}));
  assert.equal(hash({ max_rows: 5 }), hash({}));
  assert.throws(() => release({ [recordServer]: { url: "https://erp.example/mcp", tools: {} } }));
});

test("a view of fifty parameters, the most that check lets through, still fits", () => {
  const sql = `select ${Array.from({ length: 50 }, (_, at) => `:${"p".repeat(44)}${at}`).join(", ")}`;
  assert.equal(buildCatalog(release({}, { open: { file: "a", sql } }), []).length, 1);
});

test("the kept catalog changes with the release, with a pin's state and with its definition", () => {
  const servers = erp({ pay, "mail.send": pay });
  const first = openCatalog(release(servers), [pin("pay"), pin("mail.send")]);
  assert.equal(openCatalog(release(servers), [pin("pay"), pin("mail.send")]), first);
  assert.deepEqual(names(openCatalog(release(servers), [pin("pay"), pin("mail.send", { state: "quarantined" })])), [
    "pay",
  ]);
  const redefined = openCatalog(release(servers), [pin("pay", { hash: "b".repeat(64), description: "pays" })]);
  assert.equal(redefined[0]?.description, "pays");
  assert.deepEqual(
    openCatalog(release(erp({ pay: { effect: "read" } }), {}, "1"), [pin("pay")])[0]?.contract.effect,
    "read",
  );
});
