// `policy explain` says what `admit` would do, word for word, and changes nothing by it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../boundary.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { explainAnswer } from "../../controls/wire/gate.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Admission } from "./admission.ts";
import { CallStore, callTables } from "./call-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { explainCall } from "./explain.ts";
import { PinStore, pinTables } from "./pin-store.ts";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";
import { Review } from "./review.ts";
import { UseStore, useTables } from "./use-store.ts";
import { VoteStore, voteTables } from "./vote-store.ts";

const schema: JsonObject = { type: "object", properties: { n: { type: "number" }, to: { type: "string" } } };

function openDesk(more: object = {}) {
  const tools = {
    pay: { effect: "irreversible", impact: "spend", authority: ["n"], max: { n: 10 }, review: { by: "finance" } },
    note: { effect: "local", authority: ["n"], max: { per_user: 1, per_day: 3 }, total: { n: { per_day: 10 } } },
    "mail.send": { effect: "outward", authority: ["to"], only: { to: ["a@acme.example"] } },
    gone: { effect: "read" },
  };
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model } },
    ...{ approvers: { finance: ["fay"] }, servers: { erp: { url: "https://erp.example/mcp", tools } }, ...more },
  });
  const release: Release = {
    ...{ v: 1, release: "0".repeat(64), manifest, instructions: "", policy: null, recordFiles: {} },
  };
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(chainTables + callTables + voteTables + pinTables + useTables);
  const [chain, calls, pins] = [new ChainStore(sql, "ab"), new CallStore(sql), new PinStore(sql)];
  const names = ["pay", "note", "mail.send"];
  pins.replaceAll(names.map((tool) => ({ server: "erp", tool, hash: "a".repeat(64), description: "", schema })));
  const review = new Review(chain, calls, new VoteStore(sql), release);
  const [rates, uses] = [new Rates(manifest.limits, new RateStore(sql)), new UseStore(sql)];
  const admission = new Admission({ release, chain, calls, pins, review, rates, uses, frozen: () => null });
  let made = 0;
  const admit = (name: string, args: JsonObject, user: string) => {
    const place = { callId: `call_0000000${(made += 1)}`, thread: `api:${user}:t`, turn: made, user };
    return admission.admit({ ...place, name, arguments: args, entries: [] }, 1);
  };
  const explain = (tool: string, args: JsonObject, user = "amy") =>
    explainAnswer.parse(explainCall(release, admission, { tool, user, arguments: args }, 1));
  const rowsOf = () => sql.exec("select (select count(*) from calls) + (select count(*) from uses) as n").one()["n"];
  return { admit, explain, chain, rowsOf };
}

const rows: readonly (readonly [tool: string, args: JsonObject, verdict: string, by: string, field: string | null])[] =
  [
    ["note", { n: 1 }, "run", "effect.local", null],
    ["note", { n: 11 }, "refuse", "total", "total.n.per_day"],
    ["note", { n: -1 }, "refuse", "total", "n"],
    ["note", { n: "1" }, "refuse", "schema", "n"],
    ["pay", { n: 10 }, "hold", "impact", null],
    ["pay", { n: 11 }, "refuse", "max", "n"],
    ["mail.send", { to: "a@acme.example" }, "run", "effect.outward", null],
    ["mail.send", { to: "a@evil.example" }, "refuse", "only", "to"],
    ["gone", {}, "refuse", "pinned", "gone"],
    ["no_such", {}, "refuse", "named", "no_such"],
    ["constructor", {}, "refuse", "named", "constructor"],
  ];

for (const [tool, args, verdict, by, field] of rows) {
  test(`${tool} ${JSON.stringify(args)} would ${verdict}, decided by ${by}, and admit does just that`, () => {
    const { explain, admit, rowsOf, chain } = openDesk();
    const answer = explain(tool, args);
    assert.deepEqual([answer.verdict, answer.decidedBy, answer.field], [verdict, by, field]);
    assert.deepEqual([rowsOf(), chain.read(0, 9).length], [0, 0], "nothing is written");
    const admitted = admit(tool.replace(".", "_"), args, "amy");
    const words = { leased: "run", held: "hold", refused: "refuse" };
    assert.equal(words[admitted.state], verdict);
    if (admitted.state === "refused") assert.equal(admitted.refusal.message, answer.message);
  });
}

test("who would decide, and how many, is said of what would be held", () => {
  assert.deepEqual(openDesk().explain("pay", { n: 1 }).review, { role: "finance", count: 1, expires: "4h" });
  assert.equal(openDesk().explain("note", { n: 1 }).review, null);
});

test("counts are those of the user who is asked about", () => {
  const { explain, admit } = openDesk();
  assert.equal(admit("note", { n: 4 }, "amy").state, "leased");
  assert.equal(explain("note", { n: 1 }).field, "max.per_user");
  assert.equal(explain("note", { n: 6 }, "bob").verdict, "run");
  assert.equal(explain("note", { n: 7 }, "bob").field, "total.n.per_day");
});

test("unattended, what would wait is refused; observed, it would run, and what enforcing would say is told", () => {
  const unattended = openDesk({ unattended: true }).explain("pay", { n: 1 });
  assert.deepEqual([unattended.verdict, unattended.reason], ["refuse", "unattended"]);
  const held = openDesk({ mode: "observe" }).explain("pay", { n: 1 });
  assert.deepEqual([held.verdict, held.enforced?.verdict, held.mode], ["run", "hold", "observe"]);
  const over = openDesk({ mode: "observe" }).explain("pay", { n: 11 });
  assert.deepEqual([over.verdict, over.enforced?.reason, over.decidedBy], ["run", "limit_reached", "max"]);
});

test("observed, what would be refused or held gets its lease, and the chain says what would have become of it", () => {
  const { admit, chain } = openDesk({ mode: "observe" });
  const asked = [admit("pay", { n: 1 }, "amy"), admit("pay", { n: 11 }, "amy"), admit("note", { n: 1 }, "amy")];
  assert.deepEqual(
    asked.map(({ state }) => state),
    ["leased", "leased", "leased"],
  );
  assert.equal(admit("pay", { n: 1, memo: "x" }, "amy").state, "refused", "a fault of the schema is no judgement");
  const said = chain.read(0, 99).map(({ entry }) => `${entry.event} ${entry.detail["reason"] ?? entry.detail["rule"]}`);
  assert.deepEqual(said, [
    "call_would_hold impact",
    "call_admitted observe",
    "call_would_refuse limit_reached",
    "call_admitted observe",
    "call_admitted effect.local",
    "call_refused bad_arguments",
  ]);
});

test("a user whose name is half a character is explained like any other", () => {
  const { explain } = openDesk();
  assert.equal(explain("note", { n: 1 }, "amy\ud800").verdict, "run");
});
