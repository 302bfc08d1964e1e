// When a release may take the place of the one that runs: each refusal beside what is one step away from it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { hashRelease } from "../../controls/manifest/hash.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { makeRelease } from "./fixtures/stand.ts";
import { compareRelease, decideGrowth, decideRollback } from "./growth.ts";
import type { Host } from "./host.ts";
import type { DeploymentRow } from "./registry.ts";

function makeOne(more: object): Release {
  const { release: _hash, ...parts } = makeRelease("alpha");
  const changed = { ...parts, manifest: manifestSchema.parse({ ...parts.manifest, ...more }) };
  return { ...changed, release: hashRelease(changed) };
}

const people = { approvers: { owners: ["amy", "bob"] }, redeploys: { by: "owners" } };
const host = { egress: { allow: ["https://api.example/*"] } };
const [plain, wide] = [makeOne({}), makeOne(host)];
const [guarded, guardedWide] = [makeOne(people), makeOne({ ...people, ...host })];

const row = (release: Release | undefined): DeploymentRow => ({
  ...{ name: "alpha", uid: 1, tokenDigest: "d", tokenId: "i", created: "2026-01-01T00:00:00Z", release },
});

/** What runs, what comes, whether its difference is accepted, and what becomes of it. */
const rows: readonly (readonly [string, Release | undefined, Release, boolean, "go" | "propose" | 409])[] = [
  ["growth that nobody accepted", plain, wide, false, 409],
  ["growth that was accepted", plain, wide, true, "go"],
  ["a release without growth", plain, makeRelease("alpha", "other"), false, "go"],
  ["a release that only shrinks", wide, plain, false, "go"],
  ["growth where people must agree, not even accepted", guarded, guardedWide, false, 409],
  ["growth where people must agree", guarded, guardedWide, true, "propose"],
  ["a shrink where people must agree", guardedWide, guarded, false, "go"],
  ["taking away the people who must agree", guarded, plain, true, "propose"],
  ["naming people who must agree", plain, guarded, false, "go"],
  ["anything over a release that cannot be read", undefined, plain, false, 409],
  ["the same, accepted", undefined, plain, true, "go"],
];

for (const [what, running, next, isAccepted, expected] of rows) {
  test(`${what}: ${expected}`, () => {
    const authority = compareRelease(row(running), next);
    const verdict = decideGrowth("alpha", row(running), authority, isAccepted ? authority.hash : undefined);
    assert.equal(typeof verdict === "string" ? verdict : verdict.status, expected);
  });
}

test("what is refused quotes what grew, and holds the difference to accept", () => {
  const authority = compareRelease(row(plain), wide);
  const refused = decideGrowth("alpha", row(plain), authority, "0".repeat(64));
  assert.ok(typeof refused === "object");
  assert.match(refused.detail, /host https:\/\/api\.example\/\*.*what was accepted is another difference/);
  assert.deepEqual([refused.field, refused.authority], ["accept", authority]);
});

/** Where people must agree, what ran right before comes back without them; nothing else does, and never without the rule. */
const ways: readonly (readonly [string, Release, Release, boolean, "go" | "propose"])[] = [
  ["back to a wider one that ran before", guarded, guardedWide, true, "go"],
  ["back to a wider one that ran long ago", guarded, guardedWide, false, "propose"],
  ["back to a narrower one that ran long ago", guardedWide, guarded, false, "go"],
  ["back to before there was a rule", guarded, plain, true, "propose"],
  ["back where there is no rule", plain, wide, false, "go"],
];

for (const [what, running, to, isBefore, expected] of ways) {
  test(`${what}: ${expected}`, () => {
    const before = (): string => (isBefore ? to.release : "another");
    const of = { registry: { releases: { before } } } as unknown as Host;
    assert.equal(decideRollback(of, { ...row(running), release: running }, compareRelease(row(running), to)), expected);
  });
}
