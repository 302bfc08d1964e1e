// What the operator is told of a deployment by its own gate: what it serves, what waits, and whether it is frozen.
import type { z } from "zod";
import type { Release } from "../../controls/manifest/release.ts";
import type { gateStatus } from "../../controls/wire/gate.ts";

type GateStatus = z.infer<typeof gateStatus>;

export function statusOf(
  { release, manifest }: Release,
  standing: Pick<GateStatus, "held" | "entries" | "tools" | "frozen">,
): GateStatus {
  const { name, mode, unattended } = manifest;
  return { deployment: name, release, ...standing, mode, unattended };
}
