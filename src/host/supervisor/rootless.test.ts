// Control `runtime`: the same walls as far as they stand without root: what is weaker is said, and a memory bomb ends alone.
import assert from "node:assert/strict";
import { chownSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { projectRoot } from "./bundle.ts";
import { endAll, isRoot, makeState, Stand, until } from "./fixtures/stand.ts";

after(endAll);

/** Somebody else may start the sources only where they may enter them. */
function isOpen(path: string): boolean {
  return (statSync(path).mode & 0o005) === 0o005 && (path === "/" || isOpen(dirname(path)));
}
const skip = !isRoot
  ? "runs like this in all other tests"
  : isOpen(projectRoot)
    ? false
    : "the sources are closed to other users";
const uid = 65_992;

function ownState(): string {
  const state = makeState();
  // It brings its own.
  rmSync(join(state, "programs"), { recursive: true, force: true });
  chownSync(state, uid, uid);
  return state;
}

test(
  "without root the same walls stand, one user id serves all, and both what is missing and why are said",
  { skip },
  async () => {
    const stand = await Stand.start(ownState(), undefined, uid);
    await stand.deploy("alpha");
    const { weaker, processes } = await stand.status();
    assert.match(weaker.join("\n"), /not started as root: broker, front, admin and all gates share user id 65992/);
    assert.match(weaker.join("\n"), /memory of gates is polled every 250 ms/);
    assert.ok(processes.every((part) => part.uid === uid));
    assert.match((await stand.ask("alpha", "/v1/fetch", "http://127.0.0.1:1/")).body, /door of alpha/);
    assert.match((await stand.ask("alpha", "/v1/read", "/etc/passwd")).body, /error/);
    await stand.stop();
  },
);

test("without a group a memory bomb ends its gate alone by the poll, and it comes back", { skip }, async () => {
  const stand = await Stand.start(ownState(), undefined, uid);
  await stand.deploy("bomb");
  await stand.deploy("calm");
  const [bomb, calm] = [await stand.part("gate:bomb"), await stand.part("gate:calm")];
  await stand.ask("bomb", "/v1/eat", "800").catch(() => undefined);
  await until("it is back", async () => {
    const part = await stand.part("gate:bomb");
    return part.state === "ready" && part.pid !== bomb.pid;
  });
  assert.match(stand.find("part_killed", "gate:bomb")?.why ?? "", /bytes of memory, 536870912 are allowed/);
  assert.equal((await stand.part("gate:calm")).pid, calm.pid);
  await stand.stop();
});

test(
  "without root too, SIGKILL of the supervisor leaves nothing and the next start serves again",
  { skip },
  async () => {
    const state = ownState();
    const first = await Stand.start(state, undefined, uid);
    await first.deploy("alpha");
    await first.ask("alpha", "/v1/count");
    await first.kill();
    const second = await Stand.start(state, undefined, uid);
    await until("it serves", async () => (await second.part("gate:alpha")).state === "ready");
    assert.equal((await second.ask("alpha", "/v1/count")).body, '{"count":2}');
    await second.stop();
  },
);
