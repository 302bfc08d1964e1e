// `verify.internal` through real doors: the release decides which secret, and the socket whose release.
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Webhook } from "standardwebhooks";
import { maxWebhookBytes } from "../../controls/wire/door.ts";
import { ask, makeRelease, startTestBroker, type Ask, type Reply } from "./fixtures/harness.ts";

const secretOf = (fill: number): string => `whsec_${Buffer.alloc(32, fill).toString("base64")}`;
const body = `{"type":"message.created"}`;

function sign(secret: string, id = "msg_1"): Record<string, string> {
  const at = new Date();
  const signature = new Webhook(secret).sign(id, at, body);
  const timestamp = String(Math.floor(at.getTime() / 1000));
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
}

const on = { channels: { webhook: { users: ["amy"], secret: "hooks" } } };

async function setUp(t: TestContext) {
  const broker = await startTestBroker(t, ["on", "other", "off"]);
  for (const [name, change] of [
    ["on", on],
    ["other", on],
    ["off", {}],
  ] as const)
    assert.equal((await broker.put(makeRelease(name, 1, change))).status, 204);
  for (const [name, secret, fill] of [
    ["on", "hooks", 1],
    ["on", "model", 2],
    ["off", "hooks", 3],
  ] as const)
    assert.equal((await broker.setSecret(name, secret, secretOf(fill))).status, 204);
  const verify = (name: string, headers: Record<string, string>, change: Ask = {}): Promise<Reply> =>
    ask(broker.door(name), "http://verify.internal/webhook", { method: "POST", body, headers, ...change });
  return { broker, verify };
}

const words = ({ status, json }: Reply): unknown[] => [
  status,
  json?.["isSigned"] ?? json?.["word"],
  json?.["secret"] ?? json?.["reason"],
];

test("what the channel's own secret signed is, and which secret that was is said", async (t) => {
  const { verify } = await setUp(t);
  assert.deepEqual(words(await verify("on", sign(secretOf(1)))), [200, true, "hooks"]);
  assert.deepEqual(words(await verify("on", sign(secretOf(1)), { body: `${body} ` })), [
    200,
    false,
    "signature_not_valid",
  ]);
});

test("another secret of the same deployment, or the same one of another, signs nothing", async (t) => {
  const { verify } = await setUp(t);
  assert.deepEqual(words(await verify("on", sign(secretOf(2)))), [200, false, "signature_not_valid"]);
  assert.deepEqual(words(await verify("on", sign(secretOf(3)))), [200, false, "signature_not_valid"]);
  const named = { ...sign(secretOf(2)), "x-ambit-secret": "model" };
  assert.deepEqual(words(await verify("on", named)), [200, false, "signature_not_valid"]);
});

test("a release without the channel signs nothing, though its secret was set, and one whose secret was not says so", async (t) => {
  const { verify } = await setUp(t);
  assert.deepEqual(words(await verify("off", sign(secretOf(3)))), [200, false, "channel_off"]);
  assert.deepEqual(words(await verify("other", sign(secretOf(1)))), [200, false, "secret_not_usable"]);
});

test("a value that cannot sign is not taken for a secret that signs, and one that was set before says so when it is used", async (t) => {
  const { broker, verify } = await setUp(t);
  const bad = await broker.setSecret("on", "hooks", "whsec_short");
  assert.deepEqual([bad.status, bad.json?.["reason"]], [400, "bad_secret"]);
  assert.match(
    String(bad.json?.["message"]),
    /^secret hooks signs the webhooks of on: it has to be whsec_ and base64 of 24/,
  );
  assert.ok(!bad.body.includes("whsec_short"));
  assert.equal((await broker.setSecret("on", "model", "whsec_short")).status, 204);
  assert.deepEqual(words(await verify("on", sign(secretOf(1)))), [200, true, "hooks"]);
  assert.equal((await broker.setSecret("off", "hooks", "short")).status, 204);
  assert.equal((await broker.put(makeRelease("off", 1, on))).status, 204);
  assert.deepEqual(words(await verify("off", sign(secretOf(3)))), [200, false, "secret_not_usable"]);
});

test("no answer, log line or entry holds a secret, or what would have been right", async (t) => {
  const { broker, verify } = await setUp(t);
  const right = sign(secretOf(1))["webhook-signature"] ?? "";
  const answers = [
    await verify("on", { ...sign(secretOf(2)), "webhook-id": "x y" }),
    await verify("on", sign(secretOf(2))),
    await verify("on", {}),
  ];
  assert.deepEqual(answers.map(words), [
    [200, false, "bad_request"],
    [200, false, "signature_not_valid"],
    [200, false, "bad_request"],
  ]);
  const told = JSON.stringify([answers.map((answer) => answer.body), broker.lines]);
  for (const hidden of [secretOf(1).slice(6), right.slice(3)]) assert.ok(!told.includes(hidden));
});

test("refusals stand in the broker's chain, counted", async (t) => {
  const { broker, verify } = await setUp(t);
  for (let n = 0; n < 3; n++) await verify("on", sign(secretOf(2)));
  let page = "";
  for (let tries = 0; tries < 100 && !page.includes("webhook_refused"); tries++) {
    page = (await ask(broker.control, "http://broker/chains/on?after=0")).body;
    await pause(20);
  }
  assert.match(page, /"event":"webhook_refused"/);
  assert.match(page, /"reason":"signature_not_valid"/);
});

test("a body that is too large, another method or path, and a frozen deployment are refused", async (t) => {
  const { broker, verify } = await setUp(t);
  const headers = sign(secretOf(1));
  const large = (bytes: number) => verify("on", headers, { body: "x".repeat(bytes) });
  assert.deepEqual(words(await large(maxWebhookBytes)), [200, false, "signature_not_valid"]);
  assert.deepEqual(words(await large(maxWebhookBytes + 1)), [403, "refused", "request_too_large"]);
  assert.deepEqual(words(await verify("on", headers, { method: "PUT" })), [403, "refused", "bad_request"]);
  const other = await ask(broker.door("on"), "http://verify.internal/secrets", { method: "POST", body, headers });
  assert.deepEqual(words(other), [403, "refused", "bad_request"]);
  await ask(broker.control, "http://broker/deployments/on/frozen", { method: "PUT" });
  assert.deepEqual(words(await verify("on", headers)), [403, "refused", "frozen"]);
});
