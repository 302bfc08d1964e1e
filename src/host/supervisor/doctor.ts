// Control `runtime`: looks at a machine and a state folder as a start would, and changes neither: a running host is asked
// over its own socket, its databases are not locked, and what is tried leaves nothing. What is found goes on terminals and
// into tickets, so nothing secret is read.
import { controlRequest, ControlUnreachable } from "../control-client.ts";
import type { DeploymentList, HostStatus } from "../../controls/wire/control.ts";
import { lookAtHost } from "./doctor/host.ts";
import { lookAtMachine } from "./doctor/machine.ts";
import { lookAtPrograms } from "./doctor/programs.ts";
import { lookAtState } from "./doctor/state.ts";
import type { Finding, Patient } from "./doctor/finding.ts";
import type { Places } from "./places.ts";

const askMs = 5000;

/** Everything that was found, in the order in which it is best mended. */
export async function examine(places: Places): Promise<Finding[]> {
  const patient: Patient = { places, uid: process.getuid?.() ?? -1, running: await askRunning(places) };
  return [
    ...lookAtMachine(patient),
    ...lookAtPrograms(patient),
    ...lookAtState(patient),
    ...(await lookAtHost(patient)),
  ];
}

async function askRunning({ control, state }: Places): Promise<Patient["running"]> {
  const get = async (path: string): Promise<unknown> => {
    const answer = await controlRequest({ socket: control, state, method: "GET", path, timeoutMs: askMs });
    if (answer.status !== 200) throw new ControlUnreachable(`Ambit on ${state} answered ${answer.status}`);
    return answer.body;
  };
  try {
    const [status, list] = [(await get("/v1/status")) as HostStatus, (await get("/v1/deployments")) as DeploymentList];
    return { status, deployments: list.deployments };
  } catch (error) {
    return (error as Error).message;
  }
}
