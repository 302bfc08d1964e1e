// Control `gateway-tokens`: at its own host names a deployment is served, and no other one.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openStand, openWire } from "./fixtures/stand.ts";

const host = "clerk.example.com";
const rows: readonly [host: string, path: string, status: number, passedOn?: string][] = [
  [host, "/v1/x", 200, "clerk /v1/x"],
  ["CLERK.example.com.:8443", "/v1/x?a=1", 200, "clerk /v1/x?a=1"],
  [host, "/d/clerk/v1/x", 200, "clerk /v1/x"],
  [host, "/healthz", 200],
  [host, "/d/other/v1/x", 404],
  [host, "/control/x", 404],
  [host, "/v1", 404],
  [host, "/v1/../control/x", 400],
  ["clerk.example.com..", "/v1/x", 400],
  ["clerk.example.com:", "/v1/x", 400],
  ["clerk.example.com:65536", "/v1/x", 400],
  ["xn--a.example.com", "/v1/x", 400],
  ["clerk.example.co", "/v1/x", 404],
  ["lost.example.com", "/v1/x", 404],
  ["bad.example.com", "/v1/x", 404],
  ["unknown.example", "/d/other/v1/x", 200, "other /v1/x"],
  ["..", "/v1/x", 400],
  ["127.0.0.1", "/v1/x", 404],
];

test("a host name leads to its deployment in any spelling, to no other, and what nobody vouches for leads nowhere", async (t) => {
  const stand = await openStand(t, { lingerMs: 20 });
  const reached: string[] = [];
  for (const name of ["clerk", "other"]) {
    await stand.gate(name, (request, response) => {
      reached.push(`${request.headers.host} ${request.url}`);
      response.end();
    });
  }
  const hosts = join(stand.run, "hosts");
  mkdirSync(hosts);
  const told = { [host]: "clerk", "lost.example.com": "nobody", "bad.example.com": "../../clerk" };
  for (const [name, deployment] of Object.entries(told)) writeFileSync(join(hosts, name), deployment);
  for (const [name, path, status, passedOn] of rows) {
    const text = await openWire(
      stand.port,
      `GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`,
    ).closed();
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), `${name} ${path}`);
    assert.equal(reached.pop(), passedOn, `${name} ${path}`);
  }
  // A name in other headers is nobody's word, and a name that was taken away is one like any other.
  const forwarded = await fetch(`${stand.url}/v1/x`, {
    headers: { "x-forwarded-host": host, forwarded: `host=${host}` },
  });
  assert.equal(forwarded.status, 404);
  rmSync(join(hosts, host));
  const late = await openWire(stand.port, `GET /v1/x HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`).closed();
  assert.match(late, /^HTTP\/1\.1 404 /);
});
