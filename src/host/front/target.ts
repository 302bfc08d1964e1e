// Control `schemas`, `gateway-tokens`: which request targets mean something. An attacker wants a path that this side
// reads as harmless and the gate reads as `/control`: encoded, doubled, dotted, back-slashed, absolute, or with a host.
// So nothing is decoded or normalised. A path is a run of plain segments and is passed on byte for byte, or it is refused.
import { namePattern } from "../../controls/manifest/shapes.ts";
import { type FrontRefusal, refuse } from "./refusal.ts";

export type Route =
  | { readonly kind: "health" }
  /** `path` is what the gate is asked for: `/v1/...` with its query. */
  | { readonly kind: "gate"; readonly deployment: string; readonly path: string };

const plainPath = /^(?:\/[A-Za-z0-9._~-]+)+$/;
const dotSegment = /\/\.\.?(?:\/|$)/;
const plainQuery = /^[A-Za-z0-9._~!$'()*+,;=:@/?&%-]*$/;
const gatePath = /^\/d\/([^/]+)(\/v1\/.+)$/;

/**
 * Reads the method and the request target as they stood on the wire. `at` is the deployment whose host name was asked for,
 * null for any other host: at its own name a deployment needs no `/d/NAME`, and no other one is served.
 */
export function parseTarget(
  method: string,
  target: string,
  targetBytes: number,
  at: string | null = null,
): Route | FrontRefusal {
  if (!target.startsWith("/")) return refuse("bad_target");
  if (target.length > targetBytes) return refuse("target_too_long");
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  if (path === "/") return refuse("not_found");
  if (!plainPath.test(path) || dotSegment.test(path) || !plainQuery.test(query)) return refuse("bad_target");
  const route = routeOf(path, target, at);
  if ("kind" in route && !isServed(method, route)) return refuse("method_not_allowed");
  return route;
}

function routeOf(path: string, target: string, at: string | null): Route | FrontRefusal {
  if (target === "/healthz" || target === "/readyz") return { kind: "health" };
  if (at !== null && path.startsWith("/v1/")) return { kind: "gate", deployment: at, path: target };
  const [, deployment, inner] = gatePath.exec(path) ?? [];
  if (deployment === undefined || inner === undefined || !namePattern.test(deployment)) return refuse("not_found");
  if (at !== null && at !== deployment) return refuse("not_found");
  return { kind: "gate", deployment, path: target.slice(path.length - inner.length) };
}

function isServed(method: string, route: Route): boolean {
  return method === "GET" || method === "HEAD" || (method === "POST" && route.kind === "gate");
}
