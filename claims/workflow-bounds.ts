// The part of claims/workflow.claim.test.ts that is about bounds; imported there, because a control has one claim. A model that
// asks for as much as it is told to, in as many calls as it takes, gets what the bounds of the deployment file leave, of one
// turn, of one user and of a day, also after the gate was killed. What happened is read from the tool server's own file, and
// why from the audit.
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ChannelClient } from "../src/cli/channel-client.ts";
import { askControl } from "../src/cli/ask-host.ts";
import type { HostStatus } from "../src/controls/wire/control.ts";
import type { ExplainAnswer } from "../src/controls/wire/gate.ts";
import { ambit, audit, order, paying, readPaid, state } from "./pay-stage.ts";
import { descendants } from "./process-tree.ts";

export async function closeBounds(): Promise<void> {
  await (await paying.opened())?.stage.stop();
  state.remove();
}

test("works at all: payments within their bounds are made, in one turn and in the next", async () => {
  await say("amy", order("pay", { cents: 1 }), order("pay", { cents: 2 }));
  await say("amy", order("pay", { cents: 500 }));
  assert.deepEqual(readPaid((await paying.open()).stage, "pay"), ["1 EUR", "2 EUR", "500 EUR"]);
});

test("the third call of a turn is refused, and the next turn has its own two", async () => {
  await say("amy", ...Array.from({ length: 3 }, (_, n) => order("turn_count", { cents: n })));
  assert.deepEqual(await lastRefusal("turn_count"), ["limit_reached", "max.per_turn"]);
  await say("amy", order("turn_count", { cents: 9 }));
  assert.deepEqual(readPaid((await paying.open()).stage, "turn_count"), ["0 EUR", "1 EUR", "9 EUR"]);
});

test("the third call of one user is refused, in whatever conversation, and another user has their own two", async () => {
  for (const cents of [1, 2, 3]) await say("amy", order("user_count", { cents }));
  assert.deepEqual(await lastRefusal("user_count"), ["limit_reached", "max.per_user"]);
  await say("bob", order("user_count", { cents: 4 }));
  assert.deepEqual(readPaid((await paying.open()).stage, "user_count"), ["1 EUR", "2 EUR", "4 EUR"]);
});

test("the third call of a day is refused, whoever asks", async () => {
  for (const [n, user] of ["amy", "bob", "amy"].entries()) await say(user, order("day_count", { cents: n }));
  assert.deepEqual(await lastRefusal("day_count"), ["limit_reached", "max.per_day"]);
  assert.deepEqual(readPaid((await paying.open()).stage, "day_count"), ["0 EUR", "1 EUR"]);
});

test("a large amount in small parts is refused at the cent that is too much, in one turn", async () => {
  const parts = [60, 41, 40].map((cents) => order("turn_sum", { cents }));
  await say("amy", ...parts);
  assert.deepEqual(await lastRefusal("turn_sum"), ["limit_reached", "total.cents.per_turn"]);
  assert.deepEqual(readPaid((await paying.open()).stage, "turn_sum"), ["60 EUR", "40 EUR"]);
});

test("one cent more than one user may pay in a day is refused, and another user has their own sum", async () => {
  for (const cents of [60, 41, 40]) await say("amy", order("user_sum", { cents }));
  assert.deepEqual(await lastRefusal("user_sum"), ["limit_reached", "total.cents.per_user"]);
  await say("bob", order("user_sum", { cents: 100 }));
  assert.deepEqual(readPaid((await paying.open()).stage, "user_sum"), ["60 EUR", "40 EUR", "100 EUR"]);
});

test("one cent more than all may pay in a day is refused, whoever asks", async () => {
  for (const [cents, user] of [
    [60, "amy"],
    [41, "bob"],
    [40, "bob"],
  ] as const)
    await say(user, order("day_sum", { cents }));
  assert.deepEqual(await lastRefusal("day_sum"), ["limit_reached", "total.cents.per_day"]);
  assert.deepEqual(readPaid((await paying.open()).stage, "day_sum"), ["60 EUR", "40 EUR"]);
});

test("a killed gate gives nothing back", async () => {
  await say("amy", order("sum_after_kill", { cents: 60 }));
  await killGate("paying");
  await say("amy", order("sum_after_kill", { cents: 41 }));
  assert.deepEqual(await lastRefusal("sum_after_kill"), ["limit_reached", "total.cents.per_day"]);
  await say("amy", order("sum_after_kill", { cents: 40 }));
  assert.deepEqual(readPaid((await paying.open()).stage, "sum_after_kill"), ["60 EUR", "40 EUR"]);
});

/** What would make room in a sum, or take none, were it counted as an amount; the server would take each. */
const noAmounts: readonly (readonly [name: string, args: string])[] = [
  ["a negative amount", '{"cents":-100000}'],
  ["an amount as text", '{"cents":"5"}'],
  ["an endless amount, which is null by the time it is sent", '{"cents":1e400}'],
  ["an amount with seven decimals", '{"cents":0.0000001}'],
  ["no amount", "{}"],
];

for (const [name, args] of noAmounts) {
  test(`${name} is refused where amounts are added up`, async () => {
    const count = readPaid((await paying.open()).stage, "strict_sum").length;
    await say("amy", `call the tool strict_sum with ${args}`);
    assert.deepEqual(await lastRefusal("strict_sum"), ["bad_arguments", "cents"]);
    assert.equal(readPaid((await paying.open()).stage, "strict_sum").length, count);
  });
}

test("another currency than the one that is allowed is refused", async () => {
  await say("amy", order("euros", { cents: 5, currency: "EUR" }), order("euros", { cents: 5, currency: "JPY" }));
  assert.deepEqual(await lastRefusal("euros"), ["value_not_allowed", "currency"]);
  await say("amy", order("euros", { cents: 5 }));
  assert.deepEqual(await lastRefusal("euros"), ["bad_arguments", "currency"]);
  assert.deepEqual(readPaid((await paying.open()).stage, "euros"), ["5 EUR"]);
});

test("policy explain says what would become of a call, with the counts of the running gate, and changes nothing", async () => {
  await say("amy", order("explained", { cents: 60 }));
  const entries = (await audit(await paying.open())).length;
  assert.deepEqual(await explain("explained", { cents: 40 }), { code: 0, verdict: "run", reason: null, field: null });
  const over = { code: 3, verdict: "refuse", reason: "limit_reached", field: "total.cents.per_day" };
  assert.deepEqual(await explain("explained", { cents: 41 }), over);
  assert.deepEqual(await explain("reviewed", { cents: 1 }), { code: 4, verdict: "hold", reason: null, field: null });
  assert.equal((await audit(await paying.open())).length, entries);
  await say("amy", order("explained", { cents: 40 }));
  assert.deepEqual(readPaid((await paying.open()).stage, "explained"), ["60 EUR", "40 EUR"]);
});

/** One message of a user in a new conversation; the model does all of it. */
async function say(user: string, ...orders: string[]): Promise<void> {
  const { url, token, name } = (await paying.open()).stage;
  const turn = await new ChannelClient(url, name, token, user).say(orders.join(". "));
  assert.equal(turn.state, "done", turn.reply);
}

/** Reason and field of the last refused call of a tool. */
async function lastRefusal(tool: string): Promise<unknown[]> {
  const refused = (await audit(await paying.open())).filter(
    ({ event, detail }) => event === "call_refused" && detail["tool"] === tool,
  );
  return [refused.at(-1)?.detail["reason"], refused.at(-1)?.detail["field"]];
}

async function explain(tool: string, args: object) {
  const file = join((await paying.open()).stage.erpFile, "arguments.json");
  writeFileSync(file, JSON.stringify(args));
  const words = ["policy", "explain", "paying", tool, file, "--user", "amy", "--json"];
  const { status, stdout } = ambit(...words);
  const { verdict, reason, field } = JSON.parse(stdout) as ExplainAnswer;
  return { code: status, verdict, reason, field };
}

/** SIGKILL for the gate with everything below it, and waits until it is there again. */
async function killGate(name: string): Promise<void> {
  const part = async () => {
    const { body } = await askControl(state.folder, "GET", "/v1/status");
    return (body as HostStatus).processes.find((process) => process.name === `gate:${name}`);
  };
  const pid = (await part())?.pid ?? assert.fail("no gate");
  for (const each of [...descendants(pid).reverse(), pid]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // It ended by itself in this very moment.
    }
  }
  for (;;) {
    const now = await part();
    if (now?.state === "ready" && now.pid !== pid) return;
    await pause(50);
  }
}
