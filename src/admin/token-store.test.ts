import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { decideRole, signIn } from "./sign-in.ts";
import { openStore } from "./store.ts";
import { maxTokens, TokenStore } from "./token-store.ts";

const folder = mkdtempSync("/tmp/ambit-tokens-");
after(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, "admin.sqlite");
const db = openStore(path);
const tokens = new TokenStore(db);
const now = Date.UTC(2026, 0, 1);
const dayMs = 86_400_000;

const made = tokens.make("amy@example.com", "approver", 30, now);
assert.ok(made);

test("a token is its person's until it expires, and not a moment longer", () => {
  const person = { by: "amy@example.com", role: "approver", token: made.id };
  assert.deepEqual(tokens.find(made.token, now), person);
  assert.deepEqual(tokens.find(made.token, now + 30 * dayMs - 1), person);
  assert.equal(tokens.find(made.token, now + 30 * dayMs), undefined);
});

test("one letter less, more or other is nobody's", () => {
  const last = made.token.at(-9) === "x" ? "y" : "x";
  const changed = `${made.token.slice(0, -9)}${last}${made.token.slice(-8)}`;
  for (const wrong of [made.token.slice(0, -1), `${made.token}0`, changed, made.id, "", "ambit_cli_"]) {
    assert.equal(tokens.find(wrong, now), undefined, wrong);
  }
});

test("the file holds no token and is its owner's alone", () => {
  db.exec("pragma wal_checkpoint(truncate)");
  const secret = made.token.split("_")[3] ?? assert.fail();
  assert.ok(readFileSync(path).includes(made.id));
  assert.ok(!readFileSync(path).includes(secret));
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a token that was ended signs nobody in", () => {
  const gone = tokens.make("bob", "viewer", 1, now);
  assert.ok(gone && tokens.remove(gone.id));
  assert.equal(tokens.find(gone.token, now), undefined);
  assert.equal(tokens.remove(gone.id), false);
});

test("there are so many tokens and not one more; those that expired make room", () => {
  const store = new TokenStore(openStore(join(folder, "many.sqlite")));
  for (let n = 0; n < maxTokens; n++) assert.ok(store.make("amy", "viewer", 1, now));
  assert.equal(store.make("amy", "viewer", 1, now), undefined);
  assert.ok(store.make("amy", "viewer", 1, now + dayMs));
});

test("a header that is not one bearer token is refused, whoever's it is", () => {
  const bearer = `Bearer ${made.token}`;
  assert.ok("by" in signIn(tokens, bearer, now));
  for (const header of [
    null,
    made.token,
    `Basic ${made.token}`,
    `${bearer}, ${bearer}`,
    `Bearer  ${made.token}`,
    "Bearer x",
  ]) {
    const refused = signIn(tokens, header, now);
    assert.ok("code" in refused && refused.status === 401, String(header));
  }
});

test("who decides does not deploy, who deploys does not decide, and everybody reads", () => {
  const roles = ["viewer", "approver", "operator"] as const;
  for (const has of roles) {
    for (const needs of roles) {
      const refused = decideRole({ by: "amy", role: has, token: made.id }, needs);
      assert.equal(refused === undefined, needs === "viewer" || has === needs, `${has} where ${needs}`);
    }
  }
});

test("a database of a newer Ambit is not opened", () => {
  const newer = join(folder, "newer.sqlite");
  const other = openStore(newer);
  other.exec("pragma user_version = 99");
  other.close();
  assert.throws(() => openStore(newer), /written by a newer Ambit \(schema 99/);
});
