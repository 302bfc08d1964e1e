// Control `rate-limits`: messages, tool calls and spend are limited by user, channel and deployment, before the model is
// asked, and a restart gives nothing back. Real processes; what reached the model and what it cost is the model server's
// own count.
import { strict as assert } from "node:assert";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { wishOnce, type ModelAnswer } from "./hostile-model.ts";
import { LimitsStage, sayCost, type Posted } from "./limits-stage.ts";

/** US dollars for a million tokens. */
const price = { input: 100, output: 10 };
const usdPerDay = 1;

let stage: LimitsStage;

before(async () => {
  stage = await LimitsStage.open();
  await Promise.all([
    stage.deploy("per-user", { messages_per_user: "3/min", calls_per_user: "2/min" }),
    stage.deploy("per-channel", { messages_per_channel: "3/min" }),
    stage.deploy("per-all", { messages_per_deployment: "3/min" }),
    stage.deploy("per-plenty", { messages_per_deployment: "1000/min" }),
    stage.deploy("soon-again", { messages_per_user: "1/s" }),
    stage.deploy("money", { usd_per_day: usdPerDay }, price),
    stage.deploy("tokens", { tokens_per_day: 2000 }),
  ]);
});

after(() => stage?.stop());

test("works at all: messages under every limit are answered", async () => {
  for (const name of ["per-user", "soon-again", "tokens"]) {
    const { status, body } = await stage.post(name, "zoe", "hello");
    assert.deepEqual([status, body.state], [200, "done"]);
  }
});

test("an accepted message says where the user's limit stands, and nothing of a shared one", async () => {
  const { headers } = await stage.post("per-user", "amy", "hello");
  assert.equal(headers.get("ratelimit-policy"), '"user";q=3;w=60');
  assert.match(headers.get("ratelimit") ?? "", /^"user";r=2;t=20$/);
  const shared = await stage.post("per-plenty", "amy", "hello");
  assert.equal(shared.headers.get("ratelimit-policy"), '"deployment";q=1000;w=60');
  assert.equal(shared.headers.get("ratelimit"), null);
});

test("a user's message over the limit is refused before the model is asked, and another user's is not", async () => {
  for (let n = 0; n < 3; n++) assert.equal((await stage.post("per-user", "bob", "under")).status, 200);
  const refused = await stage.post("per-user", "bob", "over the user's limit");
  assertTooMany(refused, "limits.messages_per_user");
  assert.match(refused.headers.get("ratelimit") ?? "", /^"user";r=0;t=(1[0-9]|20)$/);
  assert.equal((await stage.post("per-user", "Bob", "over the user's limit")).status, 429);
  assert.equal(stage.model.requestsOf("over the user's limit").length, 0);
  assert.equal((await stage.post("per-user", "carol", "hello")).status, 200);
});

for (const [name, field] of [
  ["per-channel", "limits.messages_per_channel"],
  ["per-all", "limits.messages_per_deployment"],
] as const) {
  test(`a message over ${field} is refused, whoever sends it`, async () => {
    for (const user of ["amy", "bob", "carol"]) assert.equal((await stage.post(name, user, "under")).status, 200);
    const refused = await stage.post(name, "dan", `over ${field}`);
    assertTooMany(refused, field);
    assert.equal(stage.model.requestsOf(`over ${field}`).length, 0);
  });
}

test("after Retry-After the message passes", async () => {
  assert.equal((await stage.post("soon-again", "amy", "first")).status, 200);
  const refused = await stage.post("soon-again", "amy", "second");
  assert.equal(refused.status, 429);
  await pause(Number(refused.headers.get("retry-after")) * 1000);
  assert.equal((await stage.post("soon-again", "amy", "second")).status, 200);
});

test("a gate that is killed and started again gives no burst back", async () => {
  for (let n = 0; n < 3; n++) assert.equal((await stage.post("per-user", "dora", "under")).status, 200);
  await stage.killGate("per-user");
  assertTooMany(await stage.post("per-user", "dora", "after the kill"), "limits.messages_per_user");
});

test("a message that is sent again under its key is charged once", async () => {
  const first = await stage.post("per-user", "erin", "once", { key: "erin-1" });
  for (let n = 0; n < 5; n++) {
    const again = await stage.post("per-user", "erin", "once", { key: "erin-1" });
    assert.deepEqual([again.status, again.body.turn], [200, first.body.turn]);
  }
  for (const key of ["erin-2", "erin-3"])
    assert.equal((await stage.post("per-user", "erin", key, { key })).status, 200);
  assert.equal((await stage.post("per-user", "erin", "four", { key: "erin-4" })).status, 429);
  assert.equal((await stage.post("per-user", "erin", "once", { key: "erin-1" })).status, 200);
  assert.equal(stage.model.requestsOf("once").length, 1);
});

test("a flood of refused messages leaves one entry in the audit", async () => {
  for (let n = 0; n < 12; n++) await stage.post("per-user", "fred", "flood");
  const told = (await stage.audit("per-user")).filter(({ detail }) => detail["user"] === "fred@acme.example");
  const refused = told.filter(({ event }) => event === "message_refused");
  assert.ok(refused.length === 1 || refused.length === 2, `${refused.length} entries`);
});

test("a name of 254 characters is a user, and one of 10 KB is refused and named", async () => {
  const long = `${"u".repeat(241)}@acme.example`;
  assert.equal(long.length, 254);
  assert.equal((await stage.post("per-user", long, "hello")).status, 200);
  for (const tooLong of [`u${long}`, `${"u".repeat(10_240)}@acme.example`]) {
    const { status, body } = await stage.post("per-user", tooLong, "hello");
    assert.deepEqual([status, body.field], [422, "user"]);
  }
});

test("asking for turns of conversations that nobody began leaves no file, whatever the limits of messages", async () => {
  const { body } = await stage.post("soon-again", "hank", "hello");
  const files = stage.conversations("soon-again");
  for (let n = 0; n < 20; n++) assert.equal(await stage.ask("soon-again", "hank", `guess${n}`), 404);
  assert.equal(stage.conversations("soon-again"), files);
  assert.equal(await stage.ask("soon-again", "hank", body.thread ?? ""), 200);
});

test("of one user's turns sixteen are walked at once and the rest wait, while another user's is answered", async () => {
  let [atOnce, most] = [0, 0];
  stage.model.when("slow", (response, request) => {
    most = Math.max(most, ++atOnce);
    setTimeout(() => {
      atOnce--;
      sayCost(1, 1)(response, request);
    }, 1500);
  });
  let ended = 0;
  const flood = Array.from({ length: 24 }, () => stage.post("per-plenty", "hugo", "slow").finally(() => ended++));
  while (atOnce === 0) await pause(10);
  assert.equal((await stage.post("per-plenty", "ida", "hello")).body.state, "done");
  assert.ok(ended < 24, "the other user waited for all of them");
  for (const { body } of await Promise.all(flood)) assert.equal(body.state, "done");
  assert.equal(most, 16);
});

test("a call over the user's limit of calls does not run, and the agent is told", async () => {
  const calls = ["one", "two", "three"].map((text) => ({ name: "note", arguments: JSON.stringify({ text }) }));
  stage.model.when("three notes", wishOnce(calls));
  const { body } = await stage.post("per-user", "gail", "three notes");
  assert.match(body.reply ?? "", /refused \(limit_reached\): this user has used up its calls/);
  assert.deepEqual(stage.notes(), ["one", "two"]);
});

test("turns at once never cost more than the day's budget, and then no message is taken", async () => {
  let spent = 0;
  const spend = (output: (granted: number) => number) =>
    ((response, request) => {
      const written = output(request.max_tokens ?? 0);
      spent += (300 * price.input + written * price.output) / 1_000_000;
      sayCost(300, written)(response, request);
    }) satisfies ModelAnswer;
  stage.model.when(
    "spend",
    spend(() => 50),
  );
  const users = Array.from({ length: 60 }, (_, n) => `user${n}`);
  const answers = await Promise.all(users.map((user) => stage.post("money", user, "spend")));
  const done = answers.filter(({ body }) => body.state === "done").length;
  assert.ok(done >= 5 && done === stage.model.requestsOf("spend").length, `${done} of 60 were answered`);
  assert.ok(spent <= usdPerDay, `${spent} US dollars were spent`);
  stage.model.when(
    "spend the rest",
    spend((granted) => granted),
  );
  for (let n = 0; n < 20; n++) {
    const { status, headers, body } = await stage.post("money", `late${n}`, "spend the rest");
    assert.ok(spent <= usdPerDay, `${spent} US dollars were spent`);
    // What is left may pay the shortest message of all, and not this one: then its turn ends without asking.
    if (body.state === "failed") return assert.match(body.reply ?? "", /is not enough \(limits\.usd_per_day\)/);
    if (status !== 429) continue;
    assert.deepEqual([body.type, body.field], ["urn:ambit:problem:budget_spent", "limits.usd_per_day"]);
    const wait = Number(headers.get("retry-after"));
    assert.ok(wait > 0 && wait <= 86_400);
    return;
  }
  assert.fail(`only ${spent} US dollars could be spent`);
});

test("a gate that is killed while the model is asked has paid the upper bound", async () => {
  const asked = Promise.withResolvers<void>();
  stage.model.when("never answered", () => asked.resolve());
  const accepted = await stage.post("tokens", "amy", "never answered", { wait: 0 });
  await asked.promise;
  await stage.killGate("tokens");
  const ended = await stage.follow("tokens", "amy", accepted.body);
  assert.equal(ended.state, "failed");
  assert.match(ended.reply ?? "", /today's budget for model calls .*\(limits\.tokens_per_day\)/);
  assert.equal(stage.model.requestsOf("never answered").length, 1);
});

function assertTooMany({ status, headers, body }: Posted, field: string): void {
  assert.deepEqual([status, body.type, body.field], [429, "urn:ambit:problem:too_many_messages", field]);
  assert.ok(Number(headers.get("retry-after")) >= 1);
  assert.ok(headers.get("ratelimit-policy"));
}
