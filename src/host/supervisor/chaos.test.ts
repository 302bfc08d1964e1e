// Control `runtime`: gates that eat memory, spin, shout or crash, as real processes: each ends alone, its neighbours serve on.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { endAll, findGroups, isAlive, makeState, Stand, until } from "./fixtures/stand.ts";

after(endAll);

/** The next life of a part, after the one with `pid`. */
function nextLife(stand: Stand, part: string, pid: number | null, ms = 20_000) {
  return until(
    `${part} is back`,
    async () => {
      const now = await stand.part(part);
      return now.state === "ready" && now.pid !== pid && now;
    },
    ms,
  );
}

test("a memory bomb in one gate ends that gate alone, and it comes back with its rows", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("bomb");
  await stand.deploy("calm");
  await stand.ask("bomb", "/v1/count");
  const [bomb, calm] = [await stand.part("gate:bomb"), await stand.part("gate:calm")];
  const eaten = stand.ask("bomb", "/v1/eat", "1024").catch(() => undefined);
  for (let n = 0; n < 20; n++) {
    assert.equal((await stand.ask("calm", "/v1/count")).status, 200);
    await delay(20);
  }
  await eaten;
  const back = await nextLife(stand, "gate:bomb", bomb.pid);
  assert.ok(back.restarts >= 1);
  assert.equal((await stand.ask("bomb", "/v1/count")).body, '{"count":2}');
  assert.equal((await stand.part("gate:calm")).pid, calm.pid);
  assert.ok(stand.log.some((line) => line.event === "part_ended" && line.part === "gate:bomb"));
  await stand.stop();
});

test("a gate that eats less than its limit goes on", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("modest");
  const { pid } = await stand.part("gate:modest");
  assert.equal((await stand.ask("modest", "/v1/eat", "64")).body, '{"eaten":64}');
  await delay(500);
  assert.equal((await stand.part("gate:modest")).pid, pid);
  await stand.stop();
});

test("a gate that spins is found, killed and started again while its neighbour serves", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("spinner");
  await stand.deploy("calm");
  const [spinner, calm] = [await stand.part("gate:spinner"), await stand.part("gate:calm")];
  const began = performance.now();
  const spun = stand.ask("spinner", "/v1/spin").catch(() => undefined);
  await delay(500);
  assert.equal((await stand.ask("calm", "/v1/count")).status, 200);
  await nextLife(stand, "gate:spinner", spinner.pid);
  assert.ok(performance.now() - began < 12_000, `${performance.now() - began} ms`);
  assert.match(stand.find("part_killed", "gate:spinner")?.why ?? "", /no answer within 3000 ms/);
  await spun;
  assert.equal((await stand.ask("spinner", "/v1/count")).status, 200);
  assert.equal((await stand.part("gate:calm")).pid, calm.pid);
  await stand.stop();
});

test("a gate that shouts is cut, and the supervisor goes on answering", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("loud");
  await stand.ask("loud", "/v1/shout", "2000");
  await stand.status();
  const shouts = stand.log.filter((line) => line.process === "gate:loud" && line.line?.startsWith("shout"));
  assert.ok(shouts.length > 0 && shouts.length < 600, String(shouts.length));
  assert.ok(shouts.every((line) => (line.line?.length ?? 0) <= 4102));
  await stand.stop();
});

test("each part is killed alone and comes back alone; the door opens again and nobody else restarts", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("alpha");
  for (const victim of ["broker", "front", "admin", "gate:alpha"]) {
    const before = (await stand.status()).processes;
    const { pid } = before.find(({ name }) => name === victim) ?? { pid: null };
    process.kill(pid ?? -1, "SIGKILL");
    await nextLife(stand, victim, pid);
    for (const part of (await stand.status()).processes) {
      const was = before.find(({ name }) => name === part.name);
      if (part.name !== victim) assert.equal(part.pid, was?.pid, `${part.name} after ${victim}`);
    }
    await until(`the door after ${victim}`, async () => {
      const { body } = await stand.ask("alpha", "/v1/fetch", "http://x.example/").catch(() => ({ body: "" }));
      return body.includes("door of alpha");
    });
  }
  await stand.stop();
});

test("SIGKILL of the supervisor takes every process with it, and the next start finds the same deployments", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  await first.deploy("alpha");
  await first.deploy("beta");
  await first.ask("alpha", "/v1/count");
  assert.ok(first.tree().length >= 8, "two parts and two gates of three processes, and the supervisor");
  await first.kill();
  const second = await Stand.start(state, first.port);
  await until("both serve", async () => (await second.status()).processes.every((part) => part.state === "ready"));
  assert.equal((await second.ask("alpha", "/v1/count")).body, '{"count":2}');
  const all = second.tree();
  await second.stop();
  assert.deepEqual(all.filter(isAlive), []);
});

test("an orderly end leaves no process, socket, group or mount", async () => {
  const stand = await Stand.start(makeState());
  await stand.deploy("alpha");
  const all = stand.tree();
  assert.ok(existsSync(stand.places.control));
  await stand.stop();
  assert.deepEqual(all.filter(isAlive), []);
  assert.equal(existsSync(stand.places.run), false);
  assert.deepEqual(findGroups(stand.places.id), []);
  assert.ok(!readFileSync("/proc/self/mountinfo", "utf8").includes(stand.places.id));
  const order = stand.log.filter((line) => line.event === "part_ended").map((line) => line.part);
  assert.deepEqual(
    [order.slice(0, 2).sort(), order.slice(2)],
    [
      ["admin", "front"],
      ["gate:alpha", "broker"],
    ],
  );
});

test("SIGKILL of the supervisor leaves no socket, and after the next start and end there is nothing at all", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  await first.deploy("alpha");
  await first.kill();
  await until("its sockets go", () => !existsSync(first.places.control) && !existsSync(first.places.gateSockets), 3000);
  const second = await Stand.start(state);
  await second.stop();
  assert.equal(existsSync(second.places.run), false);
  assert.deepEqual(findGroups(second.places.id), []);
});

test("with the reaper held up when the supervisor is killed, the next start ends what is left before it starts its own", async () => {
  const state = makeState();
  const first = await Stand.start(state);
  await first.deploy("alpha");
  const reaper = first.commands().find((line) => line.includes(" empty "));
  process.kill(Number(reaper?.split(" ")[0]), "SIGSTOP");
  await first.kill(Number(reaper?.split(" ")[0]));
  assert.ok(existsSync(first.places.control), "nobody removed it");
  const second = await Stand.start(state);
  await until("it serves", async () => (await second.part("gate:alpha")).state === "ready");
  process.kill(Number(reaper?.split(" ")[0]), "SIGCONT");
  await delay(500);
  assert.equal(
    (await second.status()).processes.every((part) => part.state === "ready" && part.restarts === 0),
    true,
  );
  assert.equal((await second.ask("alpha", "/v1/count")).status, 200, "the late reaper touched nothing of the next run");
  await second.stop();
});

test("the operator's word over the control socket is an orderly end too", async () => {
  const stand = await Stand.start(makeState());
  assert.equal((await stand.control("POST", "/v1/stop")).status, 202);
  assert.equal(await stand.ended, 0);
  await assert.rejects(stand.control("GET", "/v1/status"), /no Ambit runs on .*: start it with \.\/ambit up/);
});
