// What people do over the API, against a running Ambit.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AdminStand, makeRelease } from "./fixtures/stand.ts";

let stand: AdminStand;

before(async () => {
  stand = await AdminStand.start();
});

after(() => stand?.stop());

const path = "/v1/deployments/alpha";

test("a first release needs no If-Match, and its answer is the same when it is asked again with its key", async () => {
  const body = { release: makeRelease("alpha") };
  const headers = { "idempotency-key": "first" };
  const one = await stand.call("PUT", path, { body, headers });
  assert.equal(one.status, 200);
  assert.match(String(one.body["token"]), /^ambit_ch_/);
  const two = await stand.call("PUT", path, { body, headers });
  assert.deepEqual(two.body, one.body);
  assert.equal(two.headers.get("idempotent-replayed"), "true");
  const other = await stand.call("PUT", path, { body: { release: makeRelease("alpha", "else") }, headers });
  assert.deepEqual([other.status, other.body["field"]], [409, "Idempotency-Key"]);
});

test("a release in place of another needs the tag of that one, and no other will do", async () => {
  const body = { release: makeRelease("alpha", "be tested twice") };
  const missing = await stand.call("PUT", path, { body });
  assert.deepEqual([missing.status, missing.body["field"]], [428, "If-Match"]);
  for (const tag of [
    '"0"',
    "*",
    `"${body.release.release}"`,
    `W/${(await stand.call("GET", path)).headers.get("etag")}`,
  ]) {
    const wrong = await stand.call("PUT", path, { body, headers: { "if-match": tag } });
    assert.deepEqual([wrong.status, wrong.body["field"]], [412, "If-Match"], tag);
  }
  const etag = (await stand.call("GET", path)).headers.get("etag") ?? "";
  const done = await stand.call("PUT", path, { body, headers: { "if-match": etag } });
  assert.equal(done.status, 200);
  assert.equal(done.headers.get("etag"), `"${body.release.release}"`);
  assert.equal(done.body["token"], null);
});

test("of two who deploy onto the same release at once, one is told that it changed or is changing", async () => {
  const etag = (await stand.call("GET", path)).headers.get("etag") ?? "";
  const put = (purpose: string) =>
    stand.call("PUT", path, { body: { release: makeRelease("alpha", purpose) }, headers: { "if-match": etag } });
  const both = await Promise.all([put("one"), put("two")]);
  const statuses = both.map(({ status }) => status).sort();
  assert.equal(statuses[0], 200);
  assert.ok([409, 412].includes(statuses[1] ?? 0), String(statuses));
});

test("a tag for what does not exist is refused, and nothing is made", async () => {
  const body = { release: makeRelease("beta") };
  const got = await stand.call("PUT", "/v1/deployments/beta", { body, headers: { "if-match": '"0"' } });
  assert.equal(got.status, 412);
  assert.equal((await stand.call("GET", "/v1/deployments/beta")).status, 404);
});

test("a release for another name, or with another hash, is refused in the supervisor's words", async () => {
  const release = makeRelease("gamma");
  const wrong = await stand.call("PUT", "/v1/deployments/delta", { body: { release } });
  assert.deepEqual([wrong.status, wrong.body["field"]], [422, "release.manifest.name"]);
  const changed = { ...release, instructions: "be cruel" };
  const hash = await stand.call("PUT", "/v1/deployments/gamma", { body: { release: changed } });
  assert.deepEqual([hash.status, hash.body["field"]], [422, "release.release"]);
});

test("what is known is not sent again", async () => {
  const { headers } = await stand.call("GET", path);
  const got = await stand.call("GET", path, { headers: { "if-none-match": headers.get("etag") ?? "" } });
  assert.deepEqual([got.status, got.body], [304, { text: "" }]);
  assert.equal((await stand.call("HEAD", path)).status, 200);
});

test("each of the four chains is read page by page, in order, without a gap", async () => {
  for (const chain of ["admin", "broker", "front", "gate"]) {
    const seen: number[] = [];
    for (let next: string | undefined = `${path}/audit?chain=${chain}&limit=2`; next !== undefined;) {
      const page: Awaited<ReturnType<AdminStand["call"]>> = await stand.call("GET", next, {
        token: stand.tokens.viewer,
      });
      assert.equal(page.status, 200, JSON.stringify(page.body));
      const entries = page.body["entries"] as { entry: { seq: number } }[];
      assert.ok(entries.length <= 2);
      seen.push(...entries.map(({ entry }) => entry.seq));
      next = /<([^>]+)>; rel="next"/.exec(page.headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(
      seen,
      seen.map((_, at) => at + 1),
      chain,
    );
    assert.equal(seen.length > 2, chain !== "front", `${chain} ${seen.length}`);
  }
  assert.equal((await stand.call("GET", "/v1/deployments/nobody/audit")).status, 404);
});

test("a token is listed without itself, ended once, and then it is not there", async () => {
  const made = await stand.call("POST", "/v1/tokens", { body: { by: "zoe", role: "viewer", days: 1 } });
  assert.equal(made.status, 201);
  const list = await stand.call("GET", "/v1/tokens?limit=200");
  const tokens = list.body["tokens"] as Record<string, string>[];
  const found = tokens.find(({ id }) => id === made.body["id"]);
  assert.deepEqual(Object.keys(found ?? {}).sort(), ["by", "created", "expires", "id", "role"]);
  const end = `/v1/tokens/${String(made.body["id"])}`;
  assert.deepEqual([(await stand.call("DELETE", end)).status, (await stand.call("DELETE", end)).status], [204, 404]);
});

test("a request keeps the id it was given when that has the form of one, and gets one otherwise", async () => {
  const idOf = async (sent: string): Promise<string | null> =>
    (await stand.call("GET", "/healthz", { headers: { "x-request-id": sent } })).headers.get("x-request-id");
  assert.equal(await idOf("req_mine-1"), "req_mine-1");
  for (const wrong of ["mine", "req_", "req_a b", `req_${"a".repeat(65)}`]) {
    assert.match((await idOf(wrong)) ?? "", /^req_[\w-]{16}$/, wrong);
  }
});
