// Controls `admin-access`, `audit`: who asked admin for an act. It goes on the admin chain before the act is done, so what
// cannot be written down does not happen. The admin process can name anybody: the entry says what it said, and that it came
// from admin. Of a deployment that does not exist yet there is no chain; its deploy is the first entry.
import type { IncomingMessage } from "node:http";
import { namePattern } from "../../controls/manifest/shapes.ts";
import { actorHeader, parseActor } from "../../controls/wire/admin.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { Host } from "./host.ts";
import { makeProblem } from "./problem.ts";

const deploymentPath = /^\/v1\/deployments\/([^/?]+)/;

/** Writes down who asks; a problem when an act names nobody. Reading needs no name. */
export function noteActor({ audit, registry }: Host, request: IncomingMessage): Problem | undefined {
  const { method = "", url = "" } = request;
  if (method === "GET") return undefined;
  const found = parseActor(request.headers[actorHeader]);
  if (found === undefined) return makeProblem(422, "no_actor", `say who acts in ${actorHeader}`, actorHeader);
  const name = deploymentPath.exec(url)?.[1] ?? "";
  if (!namePattern.test(name) || registry.find(name) === undefined) return undefined;
  audit.append(name, "asked_by_admin", { ...found, method, path: url.slice(0, 300) });
  return undefined;
}
