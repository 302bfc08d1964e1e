// Control `admin-access`: the route table: every path that admin serves, with its role, its schemas and the entry that it
// leaves. What is not here is not served.
import type { Row } from "./row.ts";
import { approvalRows } from "./routes/approvals.ts";
import { auditRows } from "./routes/audit.ts";
import { deployRows } from "./routes/deploy.ts";
import { deploymentRows } from "./routes/deployments.ts";
import { documentRows } from "./routes/document.ts";
import { eventRows } from "./routes/events.ts";
import { freezeRows } from "./routes/freeze.ts";
import { healthRows } from "./routes/health.ts";
import { metricsRows } from "./routes/metrics.ts";
import { releaseRows } from "./routes/releases.ts";
import { statusRows } from "./routes/status.ts";
import { tokenRows } from "./routes/tokens.ts";

/** Version of the API: it changes when a request that was taken would be refused. */
const apiVersion = "1";

export const rows: readonly Row[] = [
  ...healthRows,
  ...documentRows(() => rows, apiVersion),
  ...statusRows,
  ...metricsRows,
  ...deploymentRows,
  ...deployRows,
  ...releaseRows,
  ...freezeRows,
  ...approvalRows,
  ...auditRows,
  ...eventRows,
  ...tokenRows,
];
