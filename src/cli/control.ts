// Where this command line finds its Ambit: the control socket of the state folder it was given, or of the usual one.
import { controlRequest, ControlUnreachable, type ControlAnswer } from "../host/control-client.ts";
import { findPlaces } from "../host/supervisor/places.ts";
import { CommandError } from "./arguments.ts";

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
