// How the command line asks a running Ambit: over the control socket of the state folder it was given, or of the usual one.
// Who may open that socket is the operator, so nothing here asks who it is. Every answer that is not what was asked for
// becomes one clear line, with the exit code that scripts rely on: 3 when a rule said no, 1 otherwise.
import type { Problem } from "../controls/wire/gate.ts";
import { controlRequest, ControlUnreachable, type ControlAnswer } from "../host/control-client.ts";
import { findPlaces } from "../host/supervisor/places.ts";
import { CommandError, type Line } from "./arguments.ts";

/** Sends one request to the supervisor on a state folder; `raw` is sent as it is. Throws CommandError when none runs. */
export async function askControl(
  state: string | undefined,
  method: string,
  path: string,
  content: { readonly body?: unknown; readonly raw?: string; readonly timeoutMs?: number } = {},
): Promise<ControlAnswer> {
  const places = findPlaces(state, process.getuid?.() ?? 0, process.env);
  const body = content.raw === undefined ? content.body : new TextEncoder().encode(content.raw);
  try {
    const limit = content.timeoutMs === undefined ? {} : { timeoutMs: content.timeoutMs };
    return await controlRequest({ socket: places.control, state: places.state, method, path, body, ...limit });
  } catch (thrown) {
    if (thrown instanceof ControlUnreachable) throw new CommandError(thrown.message);
    throw thrown;
  }
}

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
