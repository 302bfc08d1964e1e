// Control `admin-access`: there is no way into the admin process without a token of the right role, from this machine, by a
// name of this machine; and what was done names who did it. Asked over real sockets.
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { sendRaw, statusesOf } from "../src/admin/fixtures/raw.ts";
import { AdminStand } from "../src/admin/fixtures/stand.ts";
import type { OpenApi } from "../src/admin/openapi.ts";

let stand: AdminStand;

before(async () => {
  stand = await AdminStand.start();
  await stand.deploy("alpha");
});

after(() => stand?.stop());

const freezePath = "/v1/deployments/alpha/freeze";

/** Who froze it, or null. */
async function frozenBy(): Promise<string | null> {
  const { body } = await stand.call("GET", "/v1/deployments/alpha", { token: stand.tokens.viewer });
  return (body["frozen"] as { by: string } | null)?.by ?? null;
}

test("works at all: a viewer reads, an operator freezes and thaws", async () => {
  assert.equal(await frozenBy(), null);
  assert.equal((await stand.call("POST", freezePath, { body: {} })).status, 200);
  assert.equal(await frozenBy(), "operator@example.com");
  assert.equal((await stand.call("POST", "/v1/deployments/alpha/thaw", { body: {} })).status, 200);
  assert.equal(await frozenBy(), null);
});

test("without a token nothing answers but what describes the API", async () => {
  const document = (await stand.call("GET", "/openapi.json", { token: null })).body as unknown as OpenApi;
  const open: string[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const { status } = await stand.call(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, "alpha"), { token: null });
      if (status !== 401) open.push(path);
    }
  }
  assert.ok(
    open.every((path) => !path.startsWith("/v1/")),
    open.join(", "),
  );
  assert.ok(Object.keys(document.paths).length > open.length + 5);
});

test("a token with one letter changed, and one that was ended, is nobody's", async () => {
  const { token } = (await stand.call("POST", "/v1/tokens", { body: { by: "zoe", role: "viewer" } })).body;
  const read = async (one: string): Promise<number> => (await stand.call("GET", "/v1/status", { token: one })).status;
  const made = String(token);
  assert.equal(await read(made), 200);
  assert.equal(await read(made.replace(/.(?=.{10}$)/, (char) => (char === "a" ? "b" : "a"))), 401);
  assert.equal((await stand.call("DELETE", `/v1/tokens/${made.split("_")[2]}`)).status, 204);
  assert.equal(await read(made), 401);
});

test("a token of another role is refused, and nothing is done", async () => {
  for (const role of ["viewer", "approver"] as const) {
    const got = await stand.call("POST", freezePath, { token: stand.tokens[role], body: {} });
    assert.equal(got.status, 403);
    assert.deepEqual(got.body["decision"], { layer: "admin", rule: "role", reason: "role_not_enough" });
  }
  assert.equal(await frozenBy(), null);
});

test("an operator cannot make itself an approver", async () => {
  const got = await stand.call("POST", "/v1/tokens", { body: { by: "zoe", role: "approver" } });
  assert.deepEqual([got.status, got.body["field"]], [422, "role"]);
});

test("a name that a page of another site points here is refused", async () => {
  const port = Number(new URL(stand.host.admin).port);
  const ask = (host: string): Promise<string> =>
    sendRaw(port, [`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`]);
  assert.deepEqual(statusesOf(await ask(`127.0.0.1:${port}`)), [200]);
  assert.deepEqual(statusesOf(await ask(`evil.example:${port}`)), [421]);
});

test("a page of another site cannot send, even with a token", async () => {
  const headers = { origin: "http://evil.example" };
  assert.equal((await stand.call("POST", freezePath, { body: {}, headers })).status, 403);
  assert.equal(await frozenBy(), null);
});

test("what was done names the person, the token and the request, before it was done", async () => {
  const headers = { "x-request-id": "req_claim" };
  await stand.call("POST", freezePath, { body: { reason: "why" }, headers });
  await stand.call("POST", "/v1/deployments/alpha/thaw", { body: {} });
  const page = await stand.call("GET", "/v1/deployments/alpha/audit?chain=admin&limit=200");
  const entries = (page.body["entries"] as { entry: { event: string; detail: Record<string, string> } }[]).map(
    ({ entry }) => entry,
  );
  const at = entries.findIndex(({ detail }) => detail["request"] === "req_claim");
  const asked = entries[at];
  assert.equal(asked?.event, "asked_by_admin");
  assert.equal(asked?.detail["by"], "operator@example.com");
  assert.equal(asked?.detail["token"], stand.tokens.operator.split("_")[2]);
  assert.equal(entries[at + 1]?.event, "frozen");
});
