// The command line's way to a running Ambit: its control socket. Every answer that is not what was asked for becomes one
// clear line.
import type { Problem } from "../controls/wire/gate.ts";
import { CommandError, type Line } from "./arguments.ts";
import { askControl } from "./control.ts";

/**
 * Asks the host that runs on the state folder of this command line. `refusals` are the statuses that mean: a rule says no
 * (exit code 3). `timeoutMs`: longest time until the whole answer is here, when it is not the usual one.
 */
export async function askHost<T>(
  line: Line,
  method: string,
  path: string,
  body?: unknown,
  refusals: readonly number[] = [403],
  timeoutMs?: number,
): Promise<T> {
  const limit = timeoutMs === undefined ? {} : { timeoutMs };
  const answer = await askControl(line.text("state"), method, path, { body, ...limit });
  if (answer.status < 400) return answer.body as T;
  const problem = answer.body as Partial<Problem> | undefined;
  const field = problem?.field ? `${problem.field}: ` : "";
  throw new CommandError(
    `${field}${problem?.detail ?? `the host answered ${answer.status}`}`,
    refusals.includes(answer.status) ? 3 : 1,
  );
}

/** Path of a request that the supervisor passes on to a deployment's gate. */
export function gatePath(name: string, path: string): string {
  return `/v1/deployments/${encodeURIComponent(name)}/gate/${path}`;
}
