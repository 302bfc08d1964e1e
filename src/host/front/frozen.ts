// Control `workflow`: the front's part of the freeze switch, enough alone. A gate that was taken over wants to be talked to
// all the same, so it is not asked: the supervisor keeps a file beside the gate's socket, in a folder that the gate cannot
// enter, for as long as the deployment is open. Must stay true: a file that is missing, or a place that cannot be read, is no.
import { statSync } from "node:fs";
import { join } from "node:path";

/** True unless the supervisor says that requests may pass. Sync and asked each time: a few microseconds on tmpfs. */
export function isFrozen(run: string, deployment: string): boolean {
  try {
    return statSync(join(run, "gates", deployment, "open"), { throwIfNoEntry: false })?.isFile() !== true;
  } catch {
    return true;
  }
}
