// Whether the admin process serves, and whether all of Ambit does. For anyone who can reach the port, because what asks (systemd,
// a monitor) holds no token: it says which parts and deployments there are and which are ready, and nothing of what they do.
import { z } from "zod";
import { hostStatus, processStatus } from "../../controls/wire/control.ts";
import type { HostLink } from "../host-link.ts";
import { route } from "../row.ts";
import { askDeployments } from "./deployments.ts";

const state = processStatus.shape.state;
const readiness = z.strictObject({
  status: z.enum(["ready", "not_ready"]),
  /** Broker, front and admin. */
  parts: z.array(z.strictObject({ name: z.string(), state })),
  /** A frozen one is ready: its operator wants it so. */
  deployments: z.array(z.strictObject({ name: z.string(), state, frozen: z.boolean() })),
});

const anyone = { method: "GET", role: "anyone", event: null, params: {}, query: {}, body: null } as const;

export const healthRows = [
  route({
    ...anyone,
    id: "getHealth",
    path: "/healthz",
    summary: "Says that this process serves.",
    answer: z.strictObject({ status: z.literal("ok") }),
    handle: () => ({ value: { status: "ok" as const } }),
  }),
  route({
    ...anyone,
    id: "getReadiness",
    path: "/readyz",
    summary: "Says which parts and deployments are ready; 503 unless all are.",
    answer: readiness,
    handle: ({ host }) => readReadiness(host),
  }),
];

async function readReadiness(host: HostLink) {
  const [found, all] = await Promise.all([
    host.ask({ method: "GET", path: "/v1/status", answer: hostStatus, actor: null, timeoutMs: 5000 }),
    askDeployments(host),
  ]);
  if ("code" in found) return found;
  if ("code" in all) return all;
  const parts = found.value.processes
    .filter(({ name }) => !name.startsWith("gate:"))
    .map((part) => ({ name: part.name, state: part.state }));
  const deployments = all.value.deployments.map((one) => ({
    name: one.name,
    state: one.state,
    frozen: one.frozen !== null,
  }));
  const isReady = [...parts, ...deployments].every((one) => one.state === "ready");
  const status: z.infer<typeof readiness>["status"] = isReady ? "ready" : "not_ready";
  return { value: { status, parts, deployments }, status: isReady ? 200 : 503 };
}
