// Several limits on one act: which one refuses, that a refusal charges none, and what a caller is told.
import assert from "node:assert/strict";
import { test } from "node:test";
import { manifestSchema } from "../manifest/schema.ts";
import { rateHeaders, retryHeaders } from "./headers.ts";
import { callLayers, decideLayers, messageLayers, type Layer } from "./layers.ts";

const now = Date.UTC(2026, 0, 1);

function limitsOf(limits: object) {
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
  const agent = { instructions: "./i.md", model };
  return manifestSchema.parse({ version: 1, name: "ab", purpose: "x", agent, limits }).limits;
}

/** A store in memory, and messages through it. */
function openDoor(limits: object) {
  const stored = new Map<string, number>();
  const all = limitsOf(limits);
  const say = (user: string, channel = "api", at = now) => {
    const layers = messageLayers(all, channel, user);
    const decision = decideLayers(layers, (layer: Layer) => stored.get(layer.key), at);
    if (decision.allowed) for (const { layer, tat } of decision.charges) stored.set(layer.key, tat);
    return decision;
  };
  const words = (...[user, channel, at]: Parameters<typeof say>) => {
    const decision = say(user, channel, at);
    return decision.allowed ? "allowed" : decision.refusal.field;
  };
  return { say, words, stored };
}

test("without a limit nothing is stored and nothing is said", () => {
  const { say, stored } = openDoor({});
  const decision = say("amy");
  assert.ok(decision.allowed);
  assert.deepEqual([stored.size, rateHeaders(decision.tightest)], [0, {}]);
});

const refusals: readonly { limit: string; says: readonly [string, string?][]; refused: [string, string?] }[] = [
  { limit: "messages_per_user", says: [["amy"], ["bob"], ["amy"]], refused: ["amy"] },
  { limit: "messages_per_channel", says: [["amy"], ["bob"], ["eve", "mail"]], refused: ["dan"] },
  { limit: "messages_per_deployment", says: [["amy"], ["bob", "mail"]], refused: ["eve"] },
];
for (const { limit, says, refused } of refusals) {
  test(`${limit}: the message over it is refused, names the field, and nobody before it was`, () => {
    const { words } = openDoor({ [limit]: "2/min" });
    for (const each of says) assert.equal(words(...each), "allowed");
    assert.equal(words(...refused), `limits.${limit}`);
  });
}

test("a refusal charges no other layer", () => {
  const { say, words, stored } = openDoor({ messages_per_user: "2/min", messages_per_deployment: "3/min" });
  for (const user of ["amy", "amy"]) say(user);
  const before = [...stored];
  for (let tries = 0; tries < 50; tries++) assert.equal(words("amy"), "limits.messages_per_user");
  assert.deepEqual([...stored], before);
  assert.equal(words("bob"), "allowed");
  assert.equal(words("bob"), "limits.messages_per_deployment");
});

test("one person under two spellings is one user", () => {
  const { words } = openDoor({ messages_per_user: "1/min" });
  assert.equal(words("amy@acme.example"), "allowed");
  for (const again of ["Amy@acme.example", "AMY@ACME.EXAMPLE", "ａmy@acme.example"])
    assert.equal(words(again), "limits.messages_per_user");
});

test("a user cannot be named so that another key is meant", () => {
  const { words } = openDoor({ messages_per_user: "1/min", messages_per_channel: "9/min" });
  assert.equal(words("b", "api"), "allowed");
  assert.equal(words("api\nb", ""), "allowed");
  assert.equal(
    new Set(messageLayers(limitsOf({ messages_per_user: "1/s" }), "a", "b\nc").map((each) => each.key)).size,
    1,
  );
});

test("of several that refuse, the one is named after which the act passes", () => {
  const { say, words } = openDoor({ messages_per_user: "1/min", messages_per_deployment: "1/h" });
  say("amy");
  const refused = say("amy");
  assert.ok(!refused.allowed);
  assert.equal(refused.refusal.field, "limits.messages_per_deployment");
  assert.equal(words("amy", "api", now + refused.refused.afterMs), "allowed");
});

test("the headers are those of the draft, of the tightest layer alone", () => {
  const { say } = openDoor({ messages_per_user: "3/min", messages_per_deployment: "100/min" });
  const allowed = say("amy");
  assert.ok(allowed.allowed);
  assert.deepEqual(rateHeaders(allowed.tightest), {
    "ratelimit-policy": '"user";q=3;w=60',
    ratelimit: '"user";r=2;t=20',
  });
  say("amy");
  say("amy");
  const refused = say("amy");
  assert.ok(!refused.allowed);
  assert.deepEqual(
    { ...rateHeaders(refused.refused), ...retryHeaders(refused.refused.afterMs) },
    {
      "ratelimit-policy": '"user";q=3;w=60',
      ratelimit: '"user";r=0;t=20',
      "retry-after": "20",
    },
  );
});

test("what is left of a shared limit is not told while there is some: it would say how much others use", () => {
  const { say } = openDoor({ messages_per_deployment: "2/min" });
  const first = say("amy");
  assert.ok(first.allowed);
  assert.deepEqual(rateHeaders(first.tightest), { "ratelimit-policy": '"deployment";q=2;w=60' });
  say("bob");
  const refused = say("amy");
  assert.ok(!refused.allowed);
  assert.match(rateHeaders(refused.refused)["ratelimit"] ?? "", /^"deployment";r=0;t=30$/);
});

test("calls have limits of their own, which a message does not touch", () => {
  const limits = limitsOf({ messages_per_user: "1/min", calls_per_user: "2/min", calls_per_deployment: "3/min" });
  const fields = (layers: readonly Layer[]) => layers.map(({ field }) => field);
  assert.deepEqual(fields(messageLayers(limits, "api", "amy")), ["limits.messages_per_user"]);
  assert.deepEqual(fields(callLayers(limits, "api", "amy")), ["limits.calls_per_user", "limits.calls_per_deployment"]);
});

test("a refusal says how many in which time, and when one more is possible", () => {
  const { say } = openDoor({ messages_per_user: "1/day" });
  say("amy");
  const refused = say("amy");
  assert.ok(!refused.allowed);
  assert.match(refused.refusal.message, /this user .*\(1 in 86400 s\); one more is possible in 86400 s/);
});
