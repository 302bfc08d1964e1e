import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { decideDestination, planEgress, type Destination } from "../../controls/egress/destination.ts";
import { dial, systemResolve, type Resolve } from "./dial.ts";
import { makeRelease } from "./fixtures/harness.ts";
import { Pool } from "./pool.ts";

async function listen(t: TestContext): Promise<{ port: number; count: () => number; server: Server }> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return { port: (server.address() as AddressInfo).port, count: () => count, server };
}

function destination(text: string, egress: Record<string, unknown>): Destination {
  const plan = planEgress(makeRelease("clerk", 1, { servers: {}, egress }).manifest);
  const verdict = decideDestination(plan, "GET", text);
  assert.ok(verdict.verdict === "allow", JSON.stringify(verdict));
  return verdict.value;
}

const never: Resolve = () => assert.fail("an address was looked up");
const reason = async (target: Destination, resolve: Resolve): Promise<string> => {
  const dialled = await dial(target, resolve);
  if (dialled.ok) dialled.value.destroy();
  return dialled.ok ? "connected" : `${dialled.word} ${dialled.reason}`;
};

test("a public name that resolves to a private address, alone or among others, is not dialled", async (t) => {
  const { port, count } = await listen(t);
  const target = destination(`https://api.example.com:${port}/`, { allow: [`https://api.example.com:${port}/*`] });
  for (const answers of [
    ["127.0.0.1"],
    ["1.1.1.1", "127.0.0.1"],
    ["::ffff:127.0.0.1"],
    ["169.254.169.254"],
    ["not an address"],
  ]) {
    assert.equal(await reason(target, () => Promise.resolve(answers)), "refused private_address", answers.join());
  }
  assert.equal(await reason(target, () => Promise.resolve([])), "unreachable dns.no-answer");
  assert.equal(
    await reason(target, () => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }))),
    "unreachable dns.no-answer",
  );
  assert.equal(count(), 0);
});

test("a listed name is dialled at a private address and not at metadata, an address is never looked up", async (t) => {
  const { port, count } = await listen(t);
  const egress = { allow_internal: [`erp:${port}`, `127.0.0.1:${port}`] };
  assert.equal(
    await reason(destination(`http://erp:${port}/`, egress), () => Promise.resolve(["127.0.0.1"])),
    "connected",
  );
  assert.equal(
    await reason(destination(`http://erp:${port}/`, egress), () => Promise.resolve(["169.254.169.254"])),
    "refused private_address",
  );
  assert.equal(await reason(destination(`http://127.0.0.1:${port}/`, egress), never), "connected");
  assert.equal(count(), 2);
});

test("every new connection asks DNS again: a name that has moved to metadata is refused", async (t) => {
  const { port } = await listen(t);
  const target = destination(`http://erp:${port}/`, { allow_internal: [`erp:${port}`] });
  const answers = [["127.0.0.1"], ["169.254.169.254"]];
  const resolve: Resolve = () => Promise.resolve(answers.shift() ?? []);
  assert.equal(await reason(target, resolve), "connected");
  assert.equal(await reason(target, resolve), "refused private_address");
});

test("a host that never answers is given up after 5 s, DNS included", { timeout: 20_000 }, async () => {
  const target = destination("http://erp:80/", { allow_internal: ["erp:80"] });
  const startedAt = Date.now();
  assert.equal(await reason(target, () => new Promise(() => undefined)), "unreachable dns_timeout");
  assert.ok(Date.now() - startedAt < 6000);
});

test("every address of a name is tried until one answers", async (t) => {
  const { port, count } = await listen(t);
  const target = destination(`http://erp:${port}/`, { allow_internal: [`erp:${port}`] });
  assert.equal(await reason(target, () => Promise.resolve(["127.0.0.3", "127.0.0.2", "127.0.0.1"])), "connected");
  assert.equal(await reason(target, () => Promise.resolve(["127.0.0.3", "127.0.0.2"])), "unreachable connect_failed");
  assert.equal(count(), 1);
});

test("the machine's resolver gives every address, once for all who ask at the same time", async () => {
  assert.ok((await systemResolve("localhost")).includes("127.0.0.1"));
  const [one, two] = [systemResolve("localhost"), systemResolve("localhost")];
  assert.equal(one, two);
  await one;
  assert.notEqual(systemResolve("localhost"), one);
});

test("connections of two deployments, or of two destinations, are never shared", async (t) => {
  const { port, count } = await listen(t);
  const egress = { allow_internal: [`127.0.0.1:${port}`, `erp:${port}`] };
  const resolve: Resolve = () => Promise.resolve(["127.0.0.1"]);
  const [one, two] = [new Pool(resolve), new Pool(resolve)];
  const byAddress = destination(`http://127.0.0.1:${port}/`, egress);
  const byName = destination(`http://erp:${port}/`, egress);
  const first = await one.acquire(byAddress, true);
  assert.ok(first.ok);
  assert.ok(first.value.agent.keepSocketAlive(first.value.socket) !== undefined);
  const elsewhere = await two.acquire(byAddress, true);
  const otherName = await one.acquire(byName, true);
  const again = await one.acquire(byAddress, true);
  assert.ok(elsewhere.ok && otherName.ok && again.ok);
  assert.equal(again.value, first.value);
  assert.equal(new Set([first.value.socket, elsewhere.value.socket, otherName.value.socket]).size, 3);
  assert.equal(count(), 3);
  for (const { value } of [first, elsewhere, otherName]) value.socket.destroy();
});
