// Controls `gateway-tokens`, `data`: which deployment is served at a host name. A client writes any name, and a gate that was taken
// over would like another one's. So only the supervisor's word counts: a file of that name in a folder where nobody else can
// make one. Must stay true: what is missing, cannot be read or names nothing well-formed is a host like any other.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { namePattern } from "../../controls/manifest/shapes.ts";

/** The deployment at a host name that `parseHost` has read, or null. Sync and asked each time: a few microseconds on tmpfs. */
export function findHost(run: string, host: string): string | null {
  try {
    const name = readFileSync(join(run, "hosts", host), "latin1");
    return namePattern.test(name) ? name : null;
  } catch {
    return null;
  }
}
