import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { digestToken } from "../../controls/access/token.ts";
import { hashRelease } from "../../controls/manifest/hash.ts";
import type { Release } from "../../controls/manifest/release.ts";
import { manifestSchema } from "../../controls/manifest/schema.ts";
import { endAll, makeRelease, makeState, Stand, until } from "./fixtures/stand.ts";
import { findGatePlaces } from "./places.ts";

let stand: Stand;
before(async () => {
  stand = await Stand.start(makeState());
});
after(endAll);

/** What the test broker was told. */
function told(of = stand): Promise<{ doors: Record<string, string>; secrets: Record<string, string> }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: of.places.broker.control, path: "/told" }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("end", () => resolve(JSON.parse(text) as Awaited<ReturnType<typeof told>>));
    });
    sent.on("error", reject).end();
  });
}

async function purposeOf(name: string, of = stand): Promise<string> {
  const { body } = await of.control("GET", `/v1/deployments/${name}/gate/control/echo`);
  return (body as { purpose: string }).purpose;
}

async function put(
  name: string,
  release: unknown,
): Promise<{ status: number; detail: string; field: string | undefined }> {
  const { status, body } = await stand.control("PUT", `/v1/deployments/${name}`, { release });
  const { detail = "", field } = body as { detail?: string; field?: string };
  return { status, detail, field };
}

test("the first deploy shows a channel token once, of which only the digest is kept; the next keeps it", async () => {
  const first = await stand.deploy("alpha", "first");
  assert.match(first.token ?? "", /^ambit_ch_/);
  assert.equal(first.url, `http://127.0.0.1:${stand.port}/d/alpha`);
  assert.equal((await told()).doors["alpha"], first.release);
  const second = await stand.deploy("alpha", "second");
  assert.equal(second.token, null);
  assert.equal(await purposeOf("alpha"), "second");
  const registry = readFileSync(stand.places.registry, "latin1");
  assert.ok(registry.includes(digestToken(first.token ?? "")));
  assert.ok(!registry.includes(first.token ?? ""));
});

test("a release that never becomes healthy is refused, front never sees it, and the one before it runs again with its rows", async () => {
  const good = await stand.deploy("beta", "good");
  await stand.ask("beta", "/v1/count");
  const deploying = put("beta", makeRelease("beta", "never healthy"));
  await delay(1000);
  assert.equal((await stand.ask("beta", "/healthz")).status, 503);
  assert.equal((await stand.control("GET", "/v1/deployments/beta/gate/control/echo")).status, 503);
  const { status, detail } = await deploying;
  assert.equal(status, 422);
  assert.match(
    detail,
    /gate:beta ended before it was ready: not ready after 20000 ms; the release before it runs again/,
  );
  assert.equal(await purposeOf("beta"), "good");
  assert.equal((await stand.ask("beta", "/v1/count")).body, '{"count":2}');
  assert.equal((await told()).doors["beta"], good.release);
});

test("a release whose tools cannot be pinned is refused with the gate's own words, new or not", async () => {
  await stand.deploy("gamma", "good");
  for (const name of ["gamma", "delta"]) {
    const { status, detail } = await put(name, makeRelease(name, "cannot pin"));
    assert.equal(status, 422);
    assert.match(detail, /^server erp: tool pay_invoice is not listed by it; /);
  }
  assert.equal(await purposeOf("gamma"), "good");
});

test("of a new deployment that failed nothing is left, and the same name can be deployed then", async () => {
  const { status } = await put("epsilon", makeRelease("epsilon", "cannot pin"));
  assert.equal(status, 422);
  const { folder, socketFolder, doorFolder, config } = findGatePlaces(stand.places, "epsilon");
  assert.deepEqual(
    [folder, socketFolder, doorFolder, config].filter((path) => existsSync(path)),
    [],
  );
  assert.equal((await told()).doors["epsilon"], undefined);
  assert.ok(!(await stand.status()).processes.some(({ name }) => name === "gate:epsilon"));
  assert.match((await stand.deploy("epsilon")).token ?? "", /^ambit_ch_/);
});

test("a release that was changed after it was hashed, or is another's, is refused before anything is touched", async () => {
  const release = makeRelease("zeta");
  const rows = [
    ["zeta", { ...release, instructions: "other" }, "release.release"],
    ["other-name", release, "release.manifest.name"],
    ["zeta", { ...release, extra: 1 }, "release.extra"],
    ["zeta", { ...release, manifest: { ...release.manifest, purpose: "" } }, "release.manifest.purpose"],
  ] as const;
  for (const [name, body, field] of rows) {
    const answer = await put(name, body);
    assert.deepEqual([answer.status, answer.field], [422, field], answer.detail);
  }
  assert.equal(existsSync(findGatePlaces(stand.places, "zeta").folder), false);
  assert.equal((await put("zeta", release)).status, 200);
});

test("a release that the command line would refuse is refused at the socket as well, before anything is touched", async () => {
  const pay = { effect: "outward", impact: "spend", authority: ["to"], review: { by: "nobody" } };
  const rows: [object, string, RegExp][] = [
    [{ servers: { erp: { url: "http://erp.example/mcp", tools: {} } } }, "servers.erp.url", /for this machine/],
    [
      { servers: { erp: { url: "https://erp.example/mcp", tools: { pay } } } },
      "servers.erp.tools.pay.review.by",
      /nobody/,
    ],
    [{ limits: { usd_per_day: 5 } }, "agent.model.price", /usd_per_day needs what the model costs/],
  ];
  const releaseWith = (more: object): Release => {
    const { release: _hash, ...parts } = makeRelease("eta");
    const changed = { ...parts, manifest: manifestSchema.parse({ ...parts.manifest, ...more }) };
    return { ...changed, release: hashRelease(changed) };
  };
  for (const [more, field, words] of rows) {
    const answer = await put("eta", releaseWith(more));
    assert.deepEqual([answer.status, answer.field], [422, `release.manifest.${field}`], answer.detail);
    assert.match(answer.detail, words);
  }
  assert.equal(existsSync(findGatePlaces(stand.places, "eta").folder), false);
  assert.equal((await put("eta", releaseWith({ limits: { tokens_per_day: 5000 } }))).status, 200);
});

test("a record view on a file of Ambit's own is refused, through a link as well, one beside it is not", async () => {
  const { state, registry, broker, run } = stand.places;
  const link = `${state}-link`;
  symlinkSync(state, link);
  const releaseOn = (file: string): Release => {
    const { release: _hash, ...parts } = { ...makeRelease("ledgers"), recordFiles: { calls: file } };
    return { ...parts, release: hashRelease(parts) };
  };
  const own = [
    registry,
    `${broker.state}/broker.sqlite`,
    `${link}/host.sqlite`,
    `${run}/pid`,
    `${state}/gates/x/data/y.sqlite`,
  ];
  for (const file of own) {
    const { status, field, detail } = await put("ledgers", releaseOn(file));
    assert.deepEqual([status, field], [422, "records.calls.file"], file);
    assert.match(detail, /is a file of Ambit itself/);
  }
  rmSync(link);
  assert.equal((await put("ledgers", releaseOn(`${state}.sqlite`))).status, 200);
});

test("a folder that another Ambit left under the name is refused and not touched", async () => {
  const { data } = findGatePlaces(stand.places, "legacy");
  mkdirSync(data, { recursive: true });
  const { status, detail } = await put("legacy", makeRelease("legacy"));
  assert.equal(status, 409);
  assert.match(detail, /holds data of a deployment that this Ambit does not know/);
  assert.ok(existsSync(data));
});

test("a rollback goes to what ran before, by its first digits to any, and to nothing that never ran", async () => {
  const first = await stand.deploy("kappa", "first");
  const second = await stand.deploy("kappa", "second");
  await put("kappa", makeRelease("kappa", "cannot pin"));
  const back = async (release?: string): Promise<[number, string]> => {
    const { status, body } = await stand.control("POST", "/v1/deployments/kappa/rollback", release ? { release } : {});
    const { type = "", release: runs = type } = body as { type?: string; release?: string };
    return [status, runs];
  };
  assert.deepEqual(await back(), [200, first.release]);
  assert.deepEqual(await back(), [200, second.release]);
  assert.deepEqual(await back(first.release.slice(0, 10)), [200, first.release]);
  assert.deepEqual(await back(first.release), [409, "urn:ambit:problem:runs_already"]);
  assert.deepEqual(await back(makeRelease("kappa", "cannot pin").release), [404, "urn:ambit:problem:no_such_release"]);
  assert.equal(await purposeOf("kappa"), "first");
});

test("a deployment is removed only by its name, a kill in the middle is finished by the next start, and the name is free", async () => {
  const state = makeState();
  let host = await Stand.start(state);
  await host.deploy("alpha");
  const remove = (confirm: string) => host.control("DELETE", "/v1/deployments/alpha", { confirm });
  assert.equal((await remove("beta")).status, 422);
  assert.equal(await purposeOf("alpha", host), "be tested");
  const removing = remove("alpha").catch(() => undefined);
  await delay(60);
  await host.kill();
  await removing;
  host = await Stand.start(state);
  if ((await host.control("GET", "/v1/deployments/alpha/releases")).status === 200) {
    assert.equal((await remove("alpha")).status, 200);
  }
  assert.equal(existsSync(findGatePlaces(host.places, "alpha").folder), false);
  assert.equal(
    (await host.status()).processes.some(({ name }) => name === "gate:alpha"),
    false,
  );
  assert.match((await host.deploy("alpha", "a new life")).token ?? "", /^ambit_ch_/);
  assert.equal((await host.ask("alpha", "/v1/count")).body, '{"count":1}');
  await host.stop();
});

test("two deploys of one name at once: one is told to wait; of two names both run", async () => {
  const [one, two] = await Promise.all([
    put("omega", makeRelease("omega", "one")),
    put("omega", makeRelease("omega", "two")),
  ]);
  assert.deepEqual([one.status, two.status].sort(), [200, 409]);
  const both = await Promise.all([put("theta", makeRelease("theta")), put("iota", makeRelease("iota"))]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  );
});

test("killed at any moment of a deploy, the machine comes back with a release that was accepted", async () => {
  const state = makeState();
  let host = await Stand.start(state);
  await host.deploy("alpha", "release 0");
  let accepted = "release 0";
  for (let round = 1; round <= 8; round++) {
    const wanted = `release ${round}`;
    const fresh = `new-${round}`;
    const deploying = Promise.allSettled([
      host.control("PUT", "/v1/deployments/alpha", { release: makeRelease("alpha", wanted) }),
      host.control("PUT", `/v1/deployments/${fresh}`, { release: makeRelease(fresh) }),
    ]);
    await delay(round * 18);
    await host.kill();
    const [, created] = await deploying;
    host = await Stand.start(state);
    await until("all are ready", async () => (await host.status()).processes.every((part) => part.state === "ready"));
    await until("the cut deploys are undone", () => host.log.every((line) => line.event !== "restore_incomplete"));
    const now = await purposeOf("alpha", host);
    assert.ok([accepted, wanted].includes(now), `${now} in round ${round}`);
    accepted = now;
    const listed = (await host.status()).processes.some(({ name }) => name === `gate:${fresh}`);
    assert.equal(
      existsSync(findGatePlaces(host.places, fresh).folder),
      listed,
      `${fresh} is there wholly or not at all`,
    );
    if (created.status === "fulfilled" && created.value.status === 200) assert.ok(listed, "what was answered stands");
  }
  await host.stop();
});
