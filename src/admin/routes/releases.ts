// Control `redeploys`: what a release would change, what ran, what waits for a second person, the way back, and the end of a
// deployment. The supervisor computes every difference itself; who accepts and who agrees is the person of the token.
import { z } from "zod";
import { deployAnswer, proposalDecided } from "../../controls/wire/control.ts";
import {
  authorityDiff,
  diffRequest,
  proposalDecision,
  proposalView,
  releaseList,
  removeAnswer,
  removeRequest,
  rollbackRequest,
} from "../../controls/wire/releases.ts";
import { route } from "../row.ts";
import { byName } from "./deployments.ts";

const maxReleaseBytes = 2_097_152;
/** A release is tried, and turns that walk may end before. */
const deployMs = 110_000;

const release = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "64 hex digits")
  .describe("hash of the release");
const byRelease = { ...byName, release };
const at = (name: string, rest = ""): string => `/v1/deployments/${name}${rest}`;

export const releaseRows = [
  route({
    id: "listReleases",
    method: "GET",
    path: "/v1/deployments/{name}/releases",
    role: "viewer",
    summary: "Lists the releases that ran, newest first, at most 50, and what waits for a second person.",
    event: null,
    params: byName,
    query: {},
    body: null,
    answer: releaseList,
    handle: ({ host }, { params }) =>
      host.ask({ method: "GET", path: at(params.name, "/releases"), answer: releaseList, actor: null }),
  }),
  route({
    id: "compareRelease",
    method: "POST",
    path: "/v1/deployments/{name}/diff",
    role: "operator",
    summary: "Says what a release would let the deployment do beside the one that runs; nothing is done.",
    event: "asked_by_admin",
    params: byName,
    query: {},
    body: diffRequest,
    maxBytes: maxReleaseBytes,
    answer: authorityDiff,
    handle: ({ host }, { params, body, actor }) =>
      host.ask({ method: "POST", path: at(params.name, "/diff"), body, answer: authorityDiff, actor }),
  }),
  route({
    id: "rollBack",
    method: "POST",
    path: "/v1/deployments/{name}/rollback",
    role: "operator",
    summary: "Brings a release back that ran before: the last one, or the one that is named.",
    event: "deployed",
    params: byName,
    query: {},
    body: rollbackRequest.omit({ by: true }),
    answer: deployAnswer,
    accepted: proposalView,
    handle: async ({ host }, { params, body, actor }) => {
      const answer = z.union([deployAnswer, proposalView]);
      const path = at(params.name, "/rollback");
      const done = await host.ask({ method: "POST", path, body, answer, actor, timeoutMs: deployMs });
      return "code" in done || done.status === 202 ? done : { ...done, etag: done.value.release };
    },
  }),
  route({
    id: "getProposal",
    method: "GET",
    path: "/v1/deployments/{name}/proposals/{release}",
    role: "viewer",
    summary: "Shows a release that waits for a second person, with all that it would grow.",
    event: null,
    params: byRelease,
    query: {},
    body: null,
    answer: proposalView,
    handle: ({ host }, { params }) =>
      host.ask({
        method: "GET",
        path: at(params.name, `/proposals/${params.release}`),
        answer: proposalView,
        actor: null,
      }),
  }),
  route({
    id: "decideProposal",
    method: "POST",
    path: "/v1/deployments/{name}/proposals/{release}",
    role: "approver",
    summary: "Agrees to a release that grows, or denies it; the last that is needed has it run.",
    event: "deploy_approved",
    params: byRelease,
    query: {},
    body: proposalDecision.omit({ by: true }),
    answer: proposalDecided,
    handle: ({ host }, { params, body, actor }) =>
      host.ask({
        method: "POST",
        path: at(params.name, `/proposals/${params.release}`),
        body: { ...body, by: actor.by },
        answer: proposalDecided,
        actor,
        timeoutMs: deployMs,
      }),
  }),
  route({
    id: "removeDeployment",
    method: "DELETE",
    path: "/v1/deployments/{name}",
    role: "operator",
    summary: "Removes a deployment with its conversations and secrets; its audit chains are kept as a file.",
    event: "removed",
    params: byName,
    query: {},
    body: removeRequest.omit({ by: true }),
    answer: removeAnswer,
    handle: ({ host }, { params, body, actor }) =>
      host.ask({ method: "DELETE", path: at(params.name), body, answer: removeAnswer, actor, timeoutMs: deployMs }),
  }),
];
