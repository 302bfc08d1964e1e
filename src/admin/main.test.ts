import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { findFreeAddress } from "../cli/free-port.ts";
import { startHost } from "../cli/host-process.ts";
import { writeActor } from "../controls/wire/admin.ts";
import type { HostStatus } from "../controls/wire/control.ts";
import { controlRequest } from "../host/control-client.ts";
import { findPlaces } from "../host/supervisor/places.ts";
import { AdminStand, mint } from "./fixtures/stand.ts";

const state = mkdtempSync("/tmp/ambit-admin-main-");
let started: Promise<AdminStand> | undefined;
after(async () => {
  await (await started)?.stop();
  rmSync(state, { recursive: true, force: true });
});

/** For all tests that do not end it, each with a deployment of its own; from then on no other host starts on this state. */
function openStand(): Promise<AdminStand> {
  return (started ??= AdminStand.start(() => undefined, state));
}

test("a port in use ends the start with admin's words and the flag that mends it", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const { port } = holder.address() as AddressInfo;
  try {
    const start = startHost({ state, listen: await findFreeAddress(), admin: `127.0.0.1:${port}` }, () => undefined);
    const words = `admin: port ${port} on 127.0.0.1 is in use by another program: choose another port with --admin 127.0.0.1:PORT`;
    await assert.rejects(start, (error: Error) => error.message.includes(words));
  } finally {
    holder.close();
  }
});

test("an address that others reach ends the start", async () => {
  const start = startHost({ state, listen: await findFreeAddress(), admin: "0.0.0.0:7999" }, () => undefined);
  await assert.rejects(start, /admin listens on loopback only/);
});

test("admin killed comes back alone; tokens and kept answers are still there, and nobody else noticed", async () => {
  const stand = await openStand();
  await stand.deploy("alpha");
  const ask = () =>
    stand.call("POST", "/v1/tokens", { body: { by: "zoe", role: "viewer" }, headers: { "idempotency-key": "once" } });
  const first = await ask();
  assert.equal(first.status, 201);
  const before = await status(stand);
  process.kill(pidOf(before, "admin"), "SIGKILL");
  await assert.rejects(stand.call("GET", "/healthz"));
  const again = await until(ask);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(again.body, first.body);
  const now = await status(stand);
  for (const { name, pid } of before.processes) {
    if (name === "admin") assert.notEqual(pidOf(now, name), pid);
    else assert.equal(pidOf(now, name), pid, name);
  }
});

test("what only the machine's operator may do cannot be asked over admin's socket, and what is done there names somebody", async () => {
  const stand = await openStand();
  await stand.deploy("beta");
  const { admin } = findPlaces(stand.state, process.getuid?.() ?? 0, process.env);
  const actor = { by: "amy", token: "AAAAAAAAAAAA", role: "operator", request: "req_1" } as const;
  const named = { "x-ambit-actor": writeActor(actor) };
  const ask = async (method: string, path: string, headers: Record<string, string>, body?: object) =>
    (await controlRequest({ socket: admin.host, state: stand.state, method, path, headers, body })).status;
  const freeze = "/v1/deployments/beta/freeze";
  assert.equal(await ask("POST", freeze, named, { by: "amy" }), 200);
  assert.equal(await ask("POST", freeze, {}, { by: "amy" }), 422);
  assert.equal(await ask("POST", freeze, { "x-ambit-actor": "amy" }, { by: "amy" }), 422);
  assert.equal(await ask("POST", "/v1/stop", named), 404);
  assert.equal(await ask("GET", "/v1/admin/tokens", {}), 404);
  assert.equal(await ask("POST", "/v1/admin/tokens", named, { by: "amy", role: "approver" }), 404);
  const page = await stand.call("GET", "/v1/deployments/beta/audit?limit=200");
  const entries = (page.body["entries"] as { entry: { event: string; detail: object } }[]).map(({ entry }) => entry);
  const noted = entries.filter(({ event }) => event === "asked_by_admin").map(({ detail }) => detail);
  assert.deepEqual(noted, [{ ...actor, method: "POST", path: freeze }]);
});

test("the operator's tokens are on every admin chain, and never a token itself", async () => {
  const stand = await openStand();
  await stand.deploy("gamma");
  const token = await mint(stand.state, "approver", "amy");
  const id = token.split("_")[2] ?? "";
  assert.equal((await stand.operator("DELETE", `/v1/admin/tokens/${id}`)).status, 204);
  const { body } = await stand.operator("GET", "/v1/deployments/gamma/audit/admin?after=0");
  const text = JSON.stringify(body);
  assert.match(text, /"event":"admin_token_made","detail":\{"as":"approver","days":30,"for":"amy"\}/);
  assert.ok(text.includes(`"event":"admin_token_ended","detail":{"id":"${id}"}`));
  assert.ok(!text.includes(token.split("_")[3] ?? ""));
  for (const wrong of [
    { by: "amy" },
    { by: "amy", role: "owner" },
    { by: "", role: "viewer" },
    { by: "amy", role: "viewer", days: 366 },
  ]) {
    assert.equal((await stand.operator("POST", "/v1/admin/tokens", wrong)).status, 422, JSON.stringify(wrong));
  }
});

async function status(stand: AdminStand): Promise<HostStatus> {
  return (await stand.operator("GET", "/v1/status")).body as HostStatus;
}

function pidOf({ processes }: HostStatus, name: string): number {
  return processes.find((one) => one.name === name)?.pid ?? assert.fail(`no ${name}`);
}

async function until<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries > 200) throw error;
      await pause(50);
    }
  }
}
