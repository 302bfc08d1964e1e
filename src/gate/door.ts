// The gate's side of the one door out. Every request of a gate goes through here; the broker answers or says in one
// word why not. Nothing here knows an address or a key.
import { parseSafely } from "../controls/wire/parse.ts";
import { brokerHeader, brokerProblem, callHeader, type BrokerWord } from "../controls/wire/door.ts";

/** The broker did not pass an answer on; `word` says whether anything can have happened on the other side. */
export class DoorError extends Error {
  readonly word: BrokerWord | "door_closed";
  readonly reason: string;
  constructor(word: BrokerWord | "door_closed", reason: string, message: string) {
    super(message);
    this.name = "DoorError";
    this.word = word;
    this.reason = reason;
  }
}

/**
 * Sends a request through the door. Throws DoorError when the broker refused, could not reach the other side, or is
 * itself down (`door_closed`: whether anything was forwarded is for `outcome.internal` to say).
 */
export async function fetchThroughDoor(url: string | URL, init: RequestInit, callKey?: string): Promise<Response> {
  const headers = new Headers(init.headers);
  if (callKey !== undefined) headers.set(callHeader, callKey);
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, redirect: "manual" });
  } catch (thrown) {
    if (init.signal?.aborted) throw thrown;
    throw new DoorError("door_closed", "broker_unavailable", "the broker did not answer; it is restarting or stopped");
  }
  if (!response.headers.has(brokerHeader)) return response;
  const problem = parseSafely(brokerProblem, await response.json().catch(() => undefined));
  if (!problem.success) throw new DoorError("broken", "bad_broker_answer", "the broker's answer could not be read");
  throw new DoorError(problem.data.word, problem.data.reason, problem.data.message);
}
