// Control `admin-access`: the route table: every path that admin serves, with its role, its schemas and the entry that it
// leaves. What is not here is not served.
import type { Row } from "./row.ts";
import { deploymentRows } from "./routes/deployments.ts";
import { healthRows } from "./routes/health.ts";
import { statusRows } from "./routes/status.ts";

export const rows: readonly Row[] = [...healthRows, ...statusRows, ...deploymentRows];
