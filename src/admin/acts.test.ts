// What people do over the API, against a running Ambit.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AdminStand, makeRelease, mint } from "./fixtures/stand.ts";

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
  const written = { ...headers, authorization: `bearer ${stand.tokens.operator}` };
  assert.deepEqual((await stand.call("PUT", path, { body, headers: written })).body, one.body);
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

test("growth is refused with what grew and the rule, until its hash is sent back", async () => {
  const etag = async (): Promise<string> => (await stand.call("GET", path)).headers.get("etag") ?? "";
  const release = makeRelease("alpha", "reach more", { egress: { allow_internal: ["127.0.0.1:9"] } });
  const compared = await stand.call("POST", `${path}/diff`, { body: { release } });
  assert.equal(compared.status, 200);
  assert.equal((compared.body["grew"] as object[]).length, 1);
  const headers = { "if-match": await etag() };
  const refused = await stand.call("PUT", path, { body: { release }, headers });
  assert.deepEqual([refused.status, refused.body["field"]], [409, "accept"]);
  assert.deepEqual(refused.body["decision"], { layer: "supervisor", rule: "authority", reason: "authority_grew" });
  assert.deepEqual(refused.body["authority"], compared.body);
  const accept = compared.body["hash"];
  assert.equal((await stand.call("PUT", path, { body: { release, accept }, headers })).status, 200);
  assert.equal(await etag(), `"${release.release}"`);
});

test("a rollback is one request, and the history says who", async () => {
  const rolled = await stand.call("POST", `${path}/rollback`, { body: {} });
  assert.equal(rolled.status, 200, JSON.stringify(rolled.body));
  const { body } = await stand.call("GET", `${path}/releases`, { token: stand.tokens.viewer });
  const [newest] = body["releases"] as { release: string; by: string; running: boolean }[];
  assert.deepEqual(
    [newest?.release, newest?.by, newest?.running],
    [rolled.body["release"], "operator@example.com", true],
  );
});

test("where the file asks for a second person, growth waits for one who is named and not who deployed", async () => {
  const redeploys = { by: "owners", count: 1 };
  const approvers = { owners: ["approver@example.com", "operator@example.com"] };
  const first = makeRelease("delta", "be careful", { redeploys, approvers });
  assert.equal((await stand.call("PUT", "/v1/deployments/delta", { body: { release: first } })).status, 200);
  const release = makeRelease("delta", "reach more", {
    redeploys,
    approvers,
    egress: { allow_internal: ["127.0.0.1:9"] },
  });
  const { body: diff } = await stand.call("POST", "/v1/deployments/delta/diff", { body: { release } });
  const headers = { "if-match": `"${first.release}"` };
  const body = { release, accept: diff["hash"] };
  const waits = await stand.call("PUT", "/v1/deployments/delta", { body, headers });
  assert.deepEqual([waits.status, waits.body["state"], waits.headers.get("etag")], [202, "open", null]);
  const proposal = `/v1/deployments/delta/proposals/${release.release}`;
  assert.equal((await stand.call("GET", proposal, { token: stand.tokens.viewer })).body["by"], "operator@example.com");
  const self = await mint(stand.state, "approver", "operator@example.com");
  assert.equal((await stand.call("POST", proposal, { token: self, body: { decision: "approve" } })).status, 403);
  const agreed = await stand.call("POST", proposal, { token: stand.tokens.approver, body: { decision: "approve" } });
  assert.equal(agreed.status, 200, JSON.stringify(agreed.body));
  assert.equal((await stand.call("GET", "/v1/deployments/delta")).body["release"], release.release);
});

test("a deployment is removed by its name said once more, and then it is not there", async () => {
  const wrong = await stand.call("DELETE", "/v1/deployments/delta", { body: { confirm: "delt" } });
  assert.deepEqual([wrong.status, wrong.body["field"]], [422, "confirm"]);
  const done = await stand.call("DELETE", "/v1/deployments/delta", { body: { confirm: "delta" } });
  assert.equal(done.status, 200, JSON.stringify(done.body));
  assert.equal((await stand.call("GET", "/v1/deployments/delta")).status, 404);
});
