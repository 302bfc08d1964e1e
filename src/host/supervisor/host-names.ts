// Control `gateway-tokens`, `data`: which deployment the front serves at a host name. An attacker deploys something that names the
// host of another deployment and waits for its users, with their tokens. Must stay true: a host name has one deployment, whoever
// had it first, and it is free again only when that one is gone or runs a release that does not name it. The front is told by
// files that only the supervisor can make: what is not there is served under no name.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Release } from "../../controls/manifest/release.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import { writeGroupFile } from "./folders.ts";
import type { Gate, GateHost } from "./gate.ts";
import { makeProblem } from "./problem.ts";

/** Says that a host name of a release belongs to another deployment, one that runs or is being tried; undefined when none does. */
export function decideHostNames(
  gates: ReadonlyMap<string, Pick<Gate, "release">>,
  name: string,
  { manifest }: Release,
): Problem | undefined {
  for (const [other, { release }] of gates) {
    if (other === name) continue;
    const at = (manifest.hosts ?? []).findIndex((host) => release.manifest.hosts?.includes(host));
    if (at < 0) continue;
    const detail = `${manifest.hosts?.[at]} is a host name of ${other}, and cannot be one of ${name} too: take it out of one of the two`;
    return makeProblem(409, "host_taken", detail, `release.manifest.hosts.${at}`);
  }
  return undefined;
}

/** Has front serve a deployment at these host names and at no others. */
export function serveHostNames({ places, ids, log }: GateHost, name: string, hosts: readonly string[] = []): void {
  const folder = places.hosts;
  mkdirSync(folder, { recursive: true });
  for (const host of readdirSync(folder)) {
    if (ownerOf(folder, host) === name && !hosts.includes(host)) rmSync(join(folder, host), { force: true });
  }
  for (const host of hosts) {
    const owner = ownerOf(folder, host);
    if (owner === name) continue;
    // Two rows of the registry cannot name one host, unless one of them did not run when the other was deployed.
    if (owner !== null) log.event("host_taken", { deployment: name, host, by: owner });
    else {
      // No host name begins with a dot; front never sees half a file.
      writeGroupFile(join(folder, `.${host}`), name, ids, ids.front);
      renameSync(join(folder, `.${host}`), join(folder, host));
    }
  }
}

function ownerOf(folder: string, host: string): string | null {
  try {
    return readFileSync(join(folder, host), "utf8");
  } catch {
    return null;
  }
}
