// Control `redeploys`: the routes of the control socket for releases: deploy, difference, history, rollback, proposals and
// removal. Each parses strictly and hands on; what is decided stands in the files it calls.
import type { IncomingMessage } from "node:http";
import {
  deployRequest,
  diffRequest,
  maxDeployBytes,
  proposalDecision,
  removeRequest,
  rollbackRequest,
} from "../../controls/wire/releases.ts";
import { actorHeader, parseActor } from "../../controls/wire/admin.ts";
import type { ReleaseList } from "../../controls/wire/releases.ts";
import { parseJson, type Outcome, type Route, type Row } from "./control-body.ts";
import { deploy, type Deployed } from "./deploy.ts";
import { compareRelease } from "./growth.ts";
import { makeProblem, noSuchDeployment } from "./problem.ts";
import { viewProposal } from "./proposals.ts";
import { remove } from "./remove.ts";
import { decideAndRun, rollback } from "./rollback.ts";

const maxSmallBytes = 8192;

const putDeployment: Route = async (host, request, [name = ""]) => {
  const parsed = await parseJson(request, deployRequest, maxDeployBytes);
  return "problem" in parsed ? parsed : outcomeOf(await deploy(host, name, named(request, parsed.value)));
};

const postDiff: Route = async (host, request, [name = ""]) => {
  const parsed = await parseJson(request, diffRequest, maxDeployBytes);
  if ("problem" in parsed) return parsed;
  return { status: 200, value: compareRelease(host.registry.find(name), parsed.value.release) };
};

const getReleases: Route = ({ registry }, _request, [name = ""]) => {
  const row = registry.find(name);
  if (row === undefined) return { problem: noSuchDeployment(name) };
  const value: ReleaseList = {
    releases: registry.releases.list(name, row.release?.release ?? ""),
    proposals: registry.proposals.list(name, Date.now()).map((proposal) => viewProposal(row, proposal)),
  };
  return { status: 200, value };
};

const postRollback: Route = async (host, request, [name = ""]) => {
  const parsed = await parseJson(request, rollbackRequest, maxSmallBytes);
  return "problem" in parsed ? parsed : outcomeOf(await rollback(host, name, named(request, parsed.value)));
};

const getProposal: Route = ({ registry }, _request, [name = "", hash = ""]) => {
  const row = registry.find(name);
  const proposal = registry.proposals.find(name, hash, Date.now());
  if (row !== undefined && proposal !== undefined) return { status: 200, value: viewProposal(row, proposal) };
  return { problem: makeProblem(404, "no_such_proposal", `nothing waits under this hash in ${name}`) };
};

const postProposal: Route = async (host, request, [name = "", hash = ""]) => {
  const parsed = await parseJson(request, proposalDecision, maxSmallBytes);
  if ("problem" in parsed) return parsed;
  const done = await decideAndRun(host, name, hash, named(request, parsed.value));
  return "problem" in done ? done : { status: 200, value: done.decided };
};

const deleteDeployment: Route = async (host, request, [name = ""]) => {
  const parsed = await parseJson(request, removeRequest, maxSmallBytes);
  if ("problem" in parsed) return parsed;
  const done = await remove(host, name, named(request, parsed.value));
  return "problem" in done ? done : { status: 200, value: done.answer };
};

/** Whoever asked admin for it acts, whatever name stands in the body: two names must not make two people. */
function named<T extends { readonly by: string }>(request: IncomingMessage, asked: T): T {
  const actor = parseActor(request.headers[actorHeader]);
  return actor === undefined ? asked : { ...asked, by: actor.by };
}

function outcomeOf(done: Deployed): Outcome {
  if ("problem" in done) return done;
  return "answer" in done ? { status: 200, value: done.answer } : { status: 202, value: done.proposed };
}

const deployment = "\\/v1\\/deployments\\/([^/?]+)";
const at = (rest: string): RegExp => new RegExp(`^${deployment}${rest}$`);

export const releaseRoutes: readonly Row[] = [
  { method: "PUT", path: at(""), route: putDeployment },
  { method: "DELETE", path: at(""), route: deleteDeployment },
  { method: "POST", path: at("\\/diff"), route: postDiff },
  { method: "GET", path: at("\\/releases"), route: getReleases },
  { method: "POST", path: at("\\/rollback"), route: postRollback },
  { method: "GET", path: at("\\/proposals\\/([0-9a-f]{64})"), route: getProposal },
  { method: "POST", path: at("\\/proposals\\/([0-9a-f]{64})"), route: postProposal },
];
