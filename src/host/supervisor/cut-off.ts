// Control `redeploys`, `data`: the end of what a kill or a refusal cut off. The registry's rows say what was begun: a
// deploy that was never accepted, a removal that did not end. Must stay true: a deployment that never came to be leaves
// nothing behind, a removal goes on until all is gone, and where a release ran before, its ledger holds no other one.
import { removeGateFolders } from "./folders.ts";
import { serveHostNames } from "./host-names.ts";
import type { Host } from "./host.ts";

/** At a start: ends all removals, then undoes each deploy. One whose gate must answer first is undone beside the start. */
export async function finishWhatWasCutOff(host: Host): Promise<void> {
  for (const { name } of host.registry.removing()) {
    await finishRemoval(host, name).catch((error: unknown) =>
      host.log.event("removal_incomplete", { deployment: name, why: String(error) }),
    );
  }
  for (const { name } of host.registry.pending()) {
    if (host.registry.find(name) === undefined) await abandon(host, name);
    else void reopen(host, name);
  }
}

/** Removes a deployment that never came to be, wholly. Its gate must have stopped. */
export async function abandon(host: Host, name: string): Promise<void> {
  host.gates.delete(name);
  await host.link
    .close(name)
    .catch((error: unknown) => host.log.event("door_not_closed", { deployment: name, why: String(error) }));
  removeGateFolders(host.places, name);
  serveHostNames(host.gateHost, name);
  host.registry.undo(name);
}

/** Ends a removal that the registry knows of. Whatever fails is tried again by the next start. */
export async function finishRemoval(host: Host, name: string): Promise<void> {
  await host.gates.get(name)?.part.stop();
  host.gates.delete(name);
  host.forgetWeaker(name);
  await host.link.forget(name);
  removeGateFolders(host.places, name);
  serveHostNames(host.gateHost, name);
  host.registry.endRemoval(name);
}

/**
 * A deploy was cut off, perhaps after the gate's ledger had taken the new release for the one that runs. The release of
 * the registry pins its tools again, so that the ledger knows better; until then it refuses every call.
 */
async function reopen(host: Host, name: string): Promise<void> {
  host.busy.add(name);
  try {
    const gate = host.gates.get(name);
    if (gate === undefined) return;
    await gate.part.ready();
    await host.openDoor(gate);
    await host.pin(gate);
    host.registry.undo(name);
    host.log.event("deploy_undone", { deployment: name, release: gate.release.release });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    host.sayWeaker(
      name,
      `${name}: a deploy was cut off and the release before it could not be opened again (${why}): deploy it again`,
    );
  } finally {
    host.busy.delete(name);
  }
}
