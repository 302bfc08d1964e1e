// Controls `admin-access`, `audit`: who asked admin for an act. It goes on the admin chain before the act is done, so what
// cannot be written down does not happen. The admin process can name anybody: the entry says what it said, and that it came
// from admin. A deployment that does not exist yet has no chain: of its first deploy the entry comes right after.
import type { IncomingMessage } from "node:http";
import type { Detail } from "../chain-table.ts";
import { namePattern } from "../../controls/manifest/shapes.ts";
import { actorHeader, parseActor, type Note } from "../../controls/wire/admin.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { Host } from "./host.ts";
import { makeProblem } from "./problem.ts";

const deploymentPath = /^\/v1\/deployments\/([^/?]+)/;

/**
 * Writes down who asks; a problem when an act names nobody. Reading needs no name. Returns what is to be called when the act
 * was done, for one that makes a deployment.
 */
export function noteActor({ audit, registry }: Host, request: IncomingMessage): Problem | (() => void) {
  const { method = "", url = "" } = request;
  if (method === "GET") return () => undefined;
  const found = parseActor(request.headers[actorHeader]);
  if (found === undefined) return makeProblem(422, "no_actor", `say who acts in ${actorHeader}`, actorHeader);
  const name = deploymentPath.exec(url)?.[1] ?? "";
  if (!namePattern.test(name)) return () => undefined;
  const isKnown = () => registry.find(name) !== undefined;
  const note = () => audit.append(name, "asked_by_admin", { ...found, method, path: url.slice(0, 300) });
  if (!isKnown()) return () => (isKnown() ? note() : undefined);
  note();
  return () => undefined;
}

/** Writes an act of the admin process itself on every admin chain. Throws when it cannot be written. */
export function noteAct(host: Host, request: IncomingMessage, { event, detail }: Note): void {
  noteEverywhere(host, event, { ...detail, ...parseActor(request.headers[actorHeader]) });
}

/** The same of an act of the operator. */
export function noteEverywhere({ audit, gates }: Host, event: Note["event"], detail: Detail): void {
  audit.together(() => [...gates.keys()].forEach((name) => audit.append(name, event, detail)));
}
