// Control `audit`: the four chains of a deployment, page by page, as their writers hand them out. Reading proves nothing: that
// takes an export and `./ambit audit verify`.
import { z } from "zod";
import { writers } from "../../controls/audit/chain.ts";
import { chainPage } from "../../controls/wire/audit.ts";
import { limit } from "../pages.ts";
import { route } from "../row.ts";
import { byName, findDeployment } from "./deployments.ts";

export const auditRows = [
  route({
    id: "listAuditEntries",
    method: "GET",
    path: "/v1/deployments/{name}/audit",
    role: "viewer",
    summary: "Lists the entries of one of its four audit chains, oldest first.",
    event: null,
    params: byName,
    query: {
      chain: z.enum(writers).default("admin").describe("whose chain"),
      limit,
      after: z.int().min(0).max(1e15).default(0).describe("number of the last entry of the page before"),
    },
    body: null,
    answer: chainPage.pick({ entries: true }),
    handle: async ({ host }, { params: { name }, query }) => {
      const found = await findDeployment(host, name);
      if ("code" in found) return found;
      const { chain, after, limit: most } = query;
      const from = chain === "gate" ? "gate/control/audit" : `audit/${chain}`;
      const path = `/v1/deployments/${name}/${from}?after=${after}`;
      const page = await host.ask({ method: "GET", path, answer: chainPage, actor: null });
      if ("code" in page) return page;
      const entries = page.value.entries.slice(0, most);
      const isMore = page.value.entries.length > most;
      return { value: { entries }, next: isMore ? entries.at(-1)?.entry.seq : undefined };
    },
  }),
];
