// Every row of the route table, asked wrongly in every way that holds for all of them. A row that is added is tested with it.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { Role } from "../controls/wire/admin.ts";
import { sampleOf, type Schema } from "./fixtures/sample.ts";
import { AdminStand, mint, type Got } from "./fixtures/stand.ts";
import { makeOpenApi } from "./openapi.ts";
import { rows } from "./routes.ts";
import type { Row } from "./row.ts";

const document = makeOpenApi(rows, "0");
const components = document.components["schemas"] as Record<string, Schema>;
const roles: readonly Role[] = ["viewer", "approver", "operator"];

let stand: AdminStand;
let seen = 0;

before(async () => {
  stand = await AdminStand.start();
  await stand.deploy("alpha");
});

after(() => stand?.stop());

/** A request that would be right. */
function right(row: Row): { path: string; body: unknown } {
  const operation = document.paths[row.path]?.[row.method.toLowerCase()];
  assert.ok(operation);
  const inPath = operation.parameters.filter((one) => one.in === "path");
  const path = inPath.reduce(
    (text, { name, schema }) => text.replace(`{${name}}`, String(sampleOf(schema as Schema, components))),
    row.path,
  );
  const needed = operation.parameters.filter((one) => one.in === "query" && one.required);
  const query = needed.map(
    ({ name, schema }) => `${name}=${encodeURIComponent(String(sampleOf(schema as Schema, components)))}`,
  );
  const schema = operation.requestBody?.content["application/json"]?.schema;
  return {
    path: query.length === 0 ? path : `${path}?${query.join("&")}`,
    body: schema === undefined ? undefined : sampleOf(schema as Schema, components),
  };
}

/** Each answer is a problem that names the field, whatever the route. */
function refused(got: Got, status: number, field: string | RegExp): void {
  seen++;
  assert.equal(got.status, status, JSON.stringify(got.body));
  assert.match(got.headers.get("content-type") ?? "", /^application\/problem\+json/);
  if (typeof field === "string") assert.equal(got.body["field"], field);
  else assert.match(String(got.body["field"]), field);
  assert.match(got.headers.get("x-request-id") ?? "", /^req_/);
  assert.equal(typeof got.body["detail"], "string");
}

function join(path: string, query: string): string {
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}

for (const row of rows) {
  test(`${row.method} ${row.path} refuses what is wrong and names it`, async () => {
    const needed = row.role === "anyone" ? "viewer" : row.role;
    const token = await mint(stand.state, needed, "amy");
    const { path, body } = right(row);
    const { method } = row;
    const call = (more: Parameters<AdminStand["call"]>[2], to = path) =>
      stand.call(method, to, { token, body, ...more });

    refused(await call({}, join(path, "surprise=1")), 422, "surprise");
    for (const key of Object.keys(row.query.shape)) {
      refused(await call({}, join(path, `${key}=%00&${key}=%00`)), 422, key);
      refused(await call({}, path.includes(`${key}=`) ? `${row.path}` : join(path, `${key}=%00`)), 422, /./);
    }
    for (const key of Object.keys(row.params.shape)) {
      const to = right({ ...row }).path.replace(/\?.*/, "");
      const wrong = to.split("/").map((part, at) => (row.path.split("/")[at] === `{${key}}` ? "%2e%2e%2fA%00" : part));
      refused(await call({}, wrong.join("/")), 422, key);
    }
    if (row.role !== "anyone") {
      refused(await call({ token: null }), 401, "Authorization");
      refused(await call({ token: `${token.slice(0, -1)}!` }), 401, "Authorization");
      for (const other of roles.filter((role) => role !== needed && needed !== "viewer")) {
        const got = await call({ token: stand.tokens[other] });
        refused(got, 403, "Authorization");
        assert.deepEqual(got.body["decision"], { layer: "admin", rule: "role", reason: "role_not_enough" });
      }
    }
    refused(await call({ headers: { origin: "http://evil.example" } }), 403, "Origin");
    refused(await call({ headers: { "sec-fetch-site": "cross-site" } }), 403, "Sec-Fetch-Site");
    if (method !== "GET") refused(await call({ headers: { "idempotency-key": "two words" } }), 422, "Idempotency-Key");
    await bodies(row, token, path, body);
  });
}

async function bodies(row: Row, token: string, path: string, body: unknown): Promise<void> {
  const { method } = row;
  if (row.body === null) {
    if (method !== "GET") refused(await stand.call(method, path, { token, body: {} }), 413, "(body)");
    return;
  }
  const call = (more: object) => stand.call(method, path, { token, ...more });
  const good = body as Record<string, unknown>;
  refused(await call({ body: { ...good, surprise: 1 } }), 422, "surprise");
  refused(await call({ body: [] }), 422, "(body)");
  refused(await call({ raw: "null" }), 422, "(body)");
  refused(await call({ raw: "{" }), 400, "(body)");
  refused(await call({ raw: "\u{feff}{}" }), 400, "(body)");
  refused(await call({ raw: new Uint8Array([0x22, 0xff, 0x22]) }), 400, "(body)");
  refused(await call({ raw: "" }), 400, "(body)");
  refused(await call({ raw: `{"a":${"[".repeat(70)}${"]".repeat(70)}}` }), 422, /^a/);
  refused(await call({ raw: '{"__proto__":1}' }), 422, "(body)");
  refused(await call({ raw: JSON.stringify(good).padEnd(row.maxBytes + 1) }), 413, "(body)");
  for (const type of ["text/plain", "application/json; charset=latin1", "application/x-www-form-urlencoded", ""]) {
    refused(await call({ body, headers: { "content-type": type } }), 415, "Content-Type");
  }
  const schema = components[`${row.id}Request`];
  for (const [key, { type }] of Object.entries(schema?.properties ?? {})) {
    const wrong = type === "string" ? 1 : "wrong";
    refused(await call({ body: { ...good, [key]: wrong } }), 422, new RegExp(`^${key}`));
    refused(await call({ body: { ...good, [key]: { length: { toString: 1 } } } }), 422, /./);
  }
  for (const key of schema?.required ?? []) {
    const { [key]: _left, ...rest } = good;
    refused(await call({ body: rest }), 422, key);
  }
}

test("a method that a path does not take is refused with those that it does", async () => {
  const byPath = Map.groupBy(rows, ({ path }) => path);
  for (const [, here] of byPath) {
    const [first] = here;
    assert.ok(first);
    const methods = new Set<string>(here.map(({ method }) => method));
    const wrong = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].filter((method) => !methods.has(method));
    for (const method of wrong) {
      const got = await stand.call(method, right(first).path, { token: null });
      refused(got, 405, "(method)");
      const allowed = (got.headers.get("allow") ?? "").split(", ").filter((one) => one !== "HEAD");
      assert.deepEqual(new Set(allowed), methods);
    }
  }
});

test("a name that a page of another site could point here is refused; this machine's own are taken", async () => {
  const port = new URL(stand.host.admin).port;
  const ask = (host: string) =>
    new Promise<number>((resolve, reject) => {
      const sent = request(`${stand.host.admin}/healthz`, { headers: { host }, agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on("error", reject).end();
    });
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, "localhost", `[::1]:${port}`, "LOCALHOST:9"]) {
    assert.equal(await ask(host), 200, host);
  }
  for (const host of [
    "evil.example",
    `127.0.0.1.evil.example:${port}`,
    "localhost.evil",
    "127.0.0.1:x",
    "0.0.0.0",
    "x@localhost",
  ]) {
    assert.equal(await ask(host), 421, host);
  }
});

test("a path that is not in the table is not served, with a token or without", async () => {
  for (const path of ["/", "/v1", "/v1/deployments/", "/v1//status", "/V1/status", "/v1/status/", "/healthz/x"]) {
    const got = await stand.call("GET", path);
    assert.equal(got.status, 404, path);
    assert.match(got.headers.get("content-type") ?? "", /^application\/problem\+json/);
  }
});

test("no row is without a role, what is for anyone only says what is, and an act leaves an entry", () => {
  const open = ["getHealth", "getReadiness", "getOpenApi", "getDocs", "getDocsStyle"];
  for (const row of rows) {
    assert.ok(row.role === "anyone" ? open.includes(row.id) : roles.includes(row.role), row.id);
    assert.equal(row.event === null, row.method === "GET", row.id);
    if (row.method !== "GET") assert.notEqual(row.role, "viewer", row.id);
  }
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
  assert.equal(new Set(rows.map(({ method, path }) => `${method} ${path}`)).size, rows.length);
});

test("the refusals were asked for: the table was not empty", () => {
  assert.ok(seen > 150, String(seen));
});
