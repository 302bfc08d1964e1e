// The runs of `load-budget.ts` in small: a budget under many chats at once with a killed gate, and minted users. The long
// runs are started by hand.
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { loadBudget, mintUsers } from "./load-budget.ts";

test("works at all, and chats at once never spend more than the day's budget, also when the gate is killed", async () => {
  const result = await loadBudget({ chats: 40, users: 8, kills: 1, seed: 7 });
  assert.deepEqual(result.faults, []);
  assert.ok(result.answered > 0 && result.spentUsd <= result.budgetUsd);
});

test("users who are minted give a limited user nothing back", async () => {
  assert.deepEqual((await mintUsers(40)).faults, []);
});
