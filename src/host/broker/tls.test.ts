// Control `callbacks`: TLS to an upstream with a real certificate. Whoever sits between wants one that is not trusted, or of
// another name, to be taken.
import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { makeCertificate } from "./fixtures/certificate.ts";
import { ask, makeRelease, startTestBroker, type Reply } from "./fixtures/harness.ts";

/** A TLS server for erp.test that this process trusts, and a broker that resolves every name to it. */
async function setUp(
  t: TestContext,
  isTrusted: boolean,
): Promise<{ port: number; names: unknown[]; get: (url: string) => Promise<Reply> }> {
  const certificate = makeCertificate("erp.test");
  const names: unknown[] = [];
  const server = createServer(certificate, (request, response) => {
    names.push([(request.socket as TLSSocket).servername, request.headers.host]);
    response.end("secure");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const before = getCACertificates("default");
  if (isTrusted) setDefaultCACertificates([...before, certificate.cert]);
  t.after(() => setDefaultCACertificates(before));
  const { port } = server.address() as AddressInfo;
  const broker = await startTestBroker(t, ["clerk"], () => Promise.resolve(["127.0.0.1"]));
  const egress = { allow_internal: [`erp.test:${port}`, `other.test:${port}`, `127.0.0.1:${port}`] };
  await broker.put(
    makeRelease("clerk", 1, {
      servers: {},
      agent: { instructions: "./x", model: { provider: "anthropic", base_url: "https://api.example.com", name: "m" } },
      egress,
    }),
  );
  return { port, names, get: (url) => ask(broker.door("clerk"), url) };
}

test("the certificate must be for the name, not for the address it resolved to", async (t) => {
  const { port, names, get } = await setUp(t, true);
  assert.equal((await get(`https://erp.test:${port}/`)).body, "secure");
  assert.equal((await get(`https://erp.test:${port}/`)).body, "secure");
  assert.deepEqual(names, [
    ["erp.test", `erp.test:${port}`],
    ["erp.test", `erp.test:${port}`],
  ]);
  for (const host of ["other.test", "127.0.0.1"]) {
    const reply = await get(`https://${host}:${port}/`);
    assert.deepEqual([reply.json?.["word"], reply.json?.["reason"]], ["unreachable", "tls_failed"], host);
    assert.match(String(reply.json?.["message"]), /ERR_TLS_CERT_ALTNAME_INVALID/);
  }
  assert.equal(names.length, 2);
});

test("a certificate that nobody trusts is refused, whatever the environment says", async (t) => {
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  t.after(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"]);
  const { port, names, get } = await setUp(t, false);
  assert.equal((await get(`https://erp.test:${port}/`)).json?.["reason"], "tls_failed");
  assert.equal(names.length, 0);
});
