import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AdminStand } from "./fixtures/stand.ts";

let stand: AdminStand;

before(async () => {
  stand = await AdminStand.start();
  await stand.deploy("alpha");
  await stand.deploy("beta");
});

after(() => stand?.stop());

test("works at all: a viewer sees the deployments, page by page", async () => {
  const first = await stand.call("GET", "/v1/deployments?limit=1", { token: stand.tokens.viewer });
  assert.equal(first.status, 200);
  assert.deepEqual(
    (first.body["deployments"] as { name: string }[]).map(({ name }) => name),
    ["alpha"],
  );
  assert.equal(first.headers.get("link"), '</v1/deployments?limit=1&after=alpha>; rel="next"');
  const second = await stand.call("GET", "/v1/deployments?limit=1&after=alpha");
  assert.equal((second.body["deployments"] as { name: string }[])[0]?.name, "beta");
  assert.equal(second.headers.get("link"), null);
});

test("health says that it serves and is there for anyone", async () => {
  const got = await stand.call("GET", "/healthz", { token: null });
  assert.deepEqual([got.status, got.body], [200, { status: "ok" }]);
});

test("without a token, and with one letter of it changed, nobody is anybody", async () => {
  const wrong = stand.tokens.viewer.replace(/.(?=.{10}$)/, (char) => (char === "a" ? "b" : "a"));
  for (const token of [null, wrong, "x"]) {
    const got = await stand.call("GET", "/v1/status", { token });
    assert.equal(got.status, 401);
    assert.equal(got.body["field"], "Authorization");
  }
});
