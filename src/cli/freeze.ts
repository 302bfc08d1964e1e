// `./ambit freeze NAME` and `./ambit thaw NAME`: the switch that stops a deployment in three places, and what each of them
// does now.
import { userInfo } from "node:os";
import type { FreezeAnswer, FreezePlaces, FrozenSince } from "../controls/wire/freeze.ts";
import { readLine } from "./arguments.ts";
import { askHost } from "./ask-host.ts";
import { red } from "./paint.ts";

export async function runFreeze(args: string[]): Promise<number> {
  const line = readLine(args, "freeze NAME [--reason TEXT] [--by WHO]", { reason: "text", by: "text" }, [1, 1]);
  const body = { by: line.text("by") ?? userInfo().username, reason: line.text("reason") ?? "" };
  const path = `/v1/deployments/${encodeURIComponent(line.words[0] ?? "")}/freeze`;
  const answer = await askHost<FreezeAnswer>(line, "POST", path, body);
  if (line.has("json")) console.log(JSON.stringify(answer));
  else if (answer.frozen)
    console.log(`${red(describeFreeze(answer.name, answer.frozen))}\n  ${describePlaces(answer.places)}`);
  if (!line.has("json") && Object.values(answer.places).includes("not reached yet"))
    console.log("What was not reached yet is told again until it was.");
  // The gate is the one that may be hostile; without it nothing leaves and nothing comes in all the same.
  const { front, broker } = answer.places;
  return front === "frozen" && broker === "frozen" ? 0 : 1;
}

export async function runThaw(args: string[]): Promise<number> {
  const line = readLine(args, "thaw NAME [--by WHO]", { by: "text" }, [1, 1]);
  const body = { by: line.text("by") ?? userInfo().username };
  const path = `/v1/deployments/${encodeURIComponent(line.words[0] ?? "")}/thaw`;
  const answer = await askHost<FreezeAnswer>(line, "POST", path, body);
  console.log(
    line.has("json") ? JSON.stringify(answer) : `${answer.name} is thawed: Ledger, broker and front are open.`,
  );
  return 0;
}

/** One line: which deployment is frozen, by whom, since when and why. */
export function describeFreeze(name: string, { by, at, reason }: FrozenSince): string {
  return `FROZEN: ${name}, by ${by} at ${at}${reason === "" ? "" : `: ${reason}`}`;
}

export function describePlaces({ front, broker, ledger }: FreezePlaces): string {
  return `front ${front}, broker ${broker}, Ledger ${ledger}`;
}
