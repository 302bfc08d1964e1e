// Controls `admin-access`, `redeploys`: a deploy over the API. Two people at once want theirs to be the one that was looked at:
// the entity tag of the release that runs must be named, and the supervisor compares it again in the moment it acts.
import { z } from "zod";
import { deployAnswer } from "../../controls/wire/control.ts";
import { deployRequest, maxDeployBytes, proposalView } from "../../controls/wire/releases.ts";
import type { Refused } from "../problem.ts";
import { route } from "../row.ts";
import { byName, findDeployment } from "./deployments.ts";

const deployMs = 110_000;

/** Why a deploy does not fit what runs now (null: nothing does), or undefined. */
function decideMatch(ifMatch: string | null, runs: string | null): Refused | undefined {
  const field = "If-Match";
  if (runs === null && ifMatch === null) return undefined;
  if (runs !== null && ifMatch === null) {
    const detail = `${field}: send the ETag of the release that this replaces, as GET of this path shows it`;
    return { status: 428, code: "if_match_missing", detail, field };
  }
  if (ifMatch === `"${runs}"`) return undefined;
  const detail = `${field}: ${runs === null ? "nothing runs under this name" : `"${runs}" runs now`}: look at it first`;
  return { status: 412, code: "release_changed", detail, field };
}

export const deployRows = [
  route({
    id: "putDeployment",
    method: "PUT",
    path: "/v1/deployments/{name}",
    role: "operator",
    summary: "Deploys a release: the first under this name, or in place of the one that If-Match names.",
    event: "deployed",
    params: byName,
    query: {},
    body: deployRequest.pick({ release: true, accept: true, drainMs: true }),
    maxBytes: maxDeployBytes,
    ifMatch: true,
    answer: deployAnswer,
    accepted: proposalView,
    handle: async ({ host }, { params, body, actor, ifMatch }) => {
      const found = await findDeployment(host, params.name);
      if ("code" in found && found.code !== "no_such_deployment") return found;
      // Of one that cannot be read nothing runs.
      const runs = "code" in found ? null : found.value.release || null;
      const wrong = decideMatch(ifMatch, runs);
      if (wrong) return wrong;
      const path = `/v1/deployments/${params.name}`;
      const request = {
        method: "PUT",
        path,
        answer: z.union([deployAnswer, proposalView]),
        actor,
        timeoutMs: deployMs,
      } as const;
      const done = await host.ask({ ...request, body: { ...body, expects: runs } });
      return "code" in done || done.status === 202 ? done : { ...done, etag: done.value.release };
    },
  }),
];
