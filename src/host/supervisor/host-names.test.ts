// Control `gateway-tokens`: a host name has one deployment, and the front is told of that one and no other.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { hashRelease } from "../../controls/manifest/hash.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import { endAll, makeRelease, makeState, Stand } from "./fixtures/stand.ts";

let stand: Stand;
before(async () => {
  stand = await Stand.start(makeState());
});
after(endAll);

function releaseAt(name: string, hosts: string[] | undefined): Release {
  const { release: _hash, ...parts } = makeRelease(name);
  const { hosts: _none, ...manifest } = parts.manifest;
  const named = { ...parts, manifest: hosts === undefined ? manifest : { ...manifest, hosts } };
  return { ...named, release: hashRelease(named) };
}

/** Deploys with whatever growth that is. Returns the problem, or null. */
async function deployAt(name: string, hosts: string[] | undefined): Promise<Problem | null> {
  const release = releaseAt(name, hosts);
  const put = (more: object) => stand.control("PUT", `/v1/deployments/${name}`, { release, ...more });
  let { status, body } = await put({});
  const grew = (body as Problem).authority;
  if (grew !== undefined) ({ status, body } = await put({ accept: grew.hash }));
  return status === 200 ? null : (body as Problem);
}

/** What front is told of a host name: the deployment there, or null. */
function servedAt(host: string): string | null {
  const file = join(stand.places.hosts, host);
  return existsSync(file) ? readFileSync(file, "utf8") : null;
}

test("a host name of another deployment is refused with both names, one letter away it is not", async () => {
  assert.equal(await deployAt("clerk", ["clerk.example.com", "desk.example.com"]), null);
  const taken = await deployAt("desk", ["other.example.com", "desk.example.com"]);
  assert.deepEqual(
    [taken?.status, taken?.type, taken?.field],
    [409, "urn:ambit:problem:host_taken", "release.manifest.hosts.1"],
  );
  assert.match(taken?.detail ?? "", /^desk\.example\.com is a host name of clerk, and cannot be one of desk too/);
  assert.deepEqual(["other.example.com", "desk.example.com"].map(servedAt), [null, "clerk"]);
  assert.equal(await deployAt("desk", ["desks.example.com"]), null);
  assert.equal(servedAt("desks.example.com"), "desk");
});

test("a name is free when its deployment names it no more or is gone, and stands after a restart", async () => {
  await deployAt("first", ["shared.example.com"]);
  assert.equal((await deployAt("second", ["shared.example.com"]))?.status, 409);
  assert.equal(await deployAt("first", undefined), null);
  assert.equal(servedAt("shared.example.com"), null);
  assert.equal(await deployAt("second", ["shared.example.com"]), null);
  assert.equal(servedAt("shared.example.com"), "second");
  const { state } = stand;
  await stand.stop();
  stand = await Stand.start(state);
  assert.equal((await deployAt("first", ["shared.example.com"]))?.status, 409);
  assert.equal(servedAt("shared.example.com"), "second");
  const removed = await stand.control("DELETE", "/v1/deployments/second", { confirm: "second", by: "amy" });
  assert.equal(removed.status, 200, JSON.stringify(removed.body));
  assert.equal(servedAt("shared.example.com"), null);
  assert.equal(await deployAt("first", ["shared.example.com"]), null);
  assert.equal(servedAt("shared.example.com"), "first");
});
