// Controls `admin-access`, `redeploys`: the deployments of this machine. The supervisor runs them and is the truth about them.
import type { z } from "zod";
import { name } from "../../controls/manifest/shapes.ts";
import { deploymentList } from "../../controls/wire/control.ts";
import type { HostLink } from "../host-link.ts";
import { limit, pageOf } from "../pages.ts";
import type { Refused } from "../problem.ts";
import { route } from "../row.ts";

type Deployment = z.infer<typeof deploymentList>["deployments"][number];
const deployment = deploymentList.shape.deployments.element;

export const byName = { name: name.describe("the deployment") };

/** All deployments, from the supervisor. */
export function askDeployments(host: HostLink): Promise<{ value: z.infer<typeof deploymentList> } | Refused> {
  return host.ask({ method: "GET", path: "/v1/deployments", answer: deploymentList, actor: null });
}

/** One deployment; a refusal when there is none of that name. */
export async function findDeployment(host: HostLink, wanted: string): Promise<{ value: Deployment } | Refused> {
  const all = await askDeployments(host);
  if ("code" in all) return all;
  const value = all.value.deployments.find((one) => one.name === wanted);
  return value === undefined ? noSuchDeployment(wanted) : { value };
}

export function noSuchDeployment(wanted: string): Refused {
  const detail = `name: there is no deployment ${wanted}: see GET /v1/deployments`;
  return { status: 404, code: "no_such_deployment", detail, field: "name" };
}

export const deploymentRows = [
  route({
    id: "listDeployments",
    method: "GET",
    path: "/v1/deployments",
    role: "viewer",
    summary: "Lists deployments by name.",
    event: null,
    params: {},
    query: { limit, after: name.optional().describe("last name of the page before") },
    body: null,
    answer: deploymentList,
    handle: async ({ host }, { query }) => {
      const all = await askDeployments(host);
      if ("code" in all) return all;
      const { page, next } = pageOf(all.value.deployments, (one) => one.name, query);
      return { value: { deployments: page }, next };
    },
  }),
  route({
    id: "getDeployment",
    method: "GET",
    path: "/v1/deployments/{name}",
    role: "viewer",
    summary: "Shows one deployment. Its entity tag is the release that runs.",
    event: null,
    params: byName,
    query: {},
    body: null,
    answer: deployment,
    handle: async ({ host }, { params }) => {
      const found = await findDeployment(host, params.name);
      return "code" in found || found.value.release === "" ? found : { ...found, etag: found.value.release };
    },
  }),
];
