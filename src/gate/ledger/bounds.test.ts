// Whatever a thread asks for, in whatever order, again and again, by whomever, while the clock goes both ways: no window ever
// holds more than its bound. A plain list of leases is the judge, not the tables.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../boundary.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { openSqlStorage } from "../fixtures/sql-storage.js";
import { Admission } from "./admission.ts";
import { CallStore, callTables } from "./call-store.ts";
import { ChainStore, chainTables } from "./chain-store.ts";
import { PinStore, pinTables } from "./pin-store.ts";
import { Rates } from "./rates.ts";
import { RateStore } from "./rate-store.ts";
import { Review } from "./review.ts";
import { UseStore, useTables } from "./use-store.ts";
import { VoteStore, voteTables } from "./vote-store.ts";

const hour = 3_600_000;
const day = 24 * hour;
const bounds = { per_turn: 2, per_user: 3, per_day: 5 };
const sums = { per_turn: 10, per_user: 15, per_day: 25 };
const schema: JsonObject = { type: "object", properties: { n: { type: "number" } } };

function openDesk(impact: string) {
  const pay = {
    ...{ effect: "reversible", impact, authority: ["n"], max: bounds, total: { n: sums } },
    ...(impact === "none" ? {} : { review: { by: "finance", expires: "30d" } }),
  };
  const model = { provider: "anthropic", base_url: "https://api.example/v1", name: "m" };
  const manifest = manifestSchema.parse({
    ...{ version: 1, name: "ab", purpose: "x", agent: { instructions: "./i.md", model } },
    ...{ approvers: { finance: ["fay"] }, servers: { erp: { url: "https://erp.example/mcp", tools: { pay } } } },
  });
  const release: Release = {
    ...{ v: 1, release: "0".repeat(64), manifest, instructions: "", policy: null, recordFiles: {} },
  };
  const sql = openSqlStorage() as unknown as SqlStorage;
  sql.exec(chainTables + callTables + voteTables + pinTables + useTables);
  const [chain, calls, pins] = [new ChainStore(sql, "ab"), new CallStore(sql), new PinStore(sql)];
  pins.replaceAll([{ server: "erp", tool: "pay", hash: "a".repeat(64), description: "", schema }]);
  const review = new Review(chain, calls, new VoteStore(sql), release);
  const rates = new Rates(manifest.limits, new RateStore(sql));
  const open = () =>
    new Admission({ release, chain, calls, pins, review, rates, uses: new UseStore(sql), frozen: () => null });
  return { open, review, calls };
}

interface Lease {
  readonly callId: string;
  readonly user: string;
  readonly turn: number;
  readonly n: number;
  readonly at: number;
}

function isWithin(leases: readonly Lease[], user: string, turn: number, now: number): boolean {
  const recent = leases.filter(({ at }) => at > now - day);
  const windows = {
    per_turn: leases.filter((lease) => lease.user === user && lease.turn === turn),
    per_user: recent.filter((lease) => lease.user === user),
    per_day: recent,
  };
  return (["per_turn", "per_user", "per_day"] as const).every((window) => {
    const tenths = windows[window].reduce((sum, { n }) => sum + Math.round(n * 10), 0);
    return windows[window].length <= bounds[window] && tenths <= sums[window] * 10;
  });
}

const steps = fc.array(
  fc.record({
    call: fc.nat(11),
    tenths: fc.constantFrom(0, 1, 33, 50, 51, 99, 100, 101, -50),
    ahead: fc.constantFrom(0, 0, 1, hour, 23 * hour, day, -hour, -day, -3 * day, 2 * day),
  }),
  { minLength: 1, maxLength: 40 },
);

for (const impact of ["none", "spend"]) {
  test(`no sequence of calls gets over a bound, with impact ${impact}`, () => {
    let leased = 0;
    fc.assert(
      fc.property(steps, (asked) => {
        const { open, review, calls } = openDesk(impact);
        const leases: Lease[] = [];
        let now = 1000 * day;
        for (const { call, tenths, ahead } of asked) {
          now += ahead;
          const callId = `call_0000000${call.toString(36)}`;
          const user = call % 3 === 0 ? "bob" : "amy";
          const turn = call % 4;
          const n = tenths / 10;
          const place = { callId, thread: `api:${user}:t`, turn, user };
          const request = { ...place, name: "pay", arguments: { n }, entries: [] };
          // Every desk is a new one: nothing is remembered but what is on disk.
          let answer = open().admit(request, now);
          if (answer.state === "held") {
            const actionHash = calls.get(callId)?.actionHash ?? "";
            review.decide(callId, { decision: "approve", actionHash, by: "fay", note: "" }, now);
            answer = open().admit(request, now);
          }
          if (answer.state !== "leased") continue;
          if (!leases.some((lease) => lease.callId === callId)) leases.push({ callId, user, turn, n, at: now });
          leased++;
          assert.ok(isWithin(leases, user, turn, now), JSON.stringify(leases));
        }
      }),
      { numRuns: 150 },
    );
    assert.ok(leased > 300, `${leased} leases are too few to show anything`);
  });
}
