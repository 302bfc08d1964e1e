// Deploys a release and accepts whatever it may do beside the one that runs, as `./ambit deploy FILE --yes` does; for programs
// that set their own stage.
import type { Release } from "../controls/manifest/release.ts";
import type { AuthorityDiffView } from "../controls/wire/releases.ts";
import type { ControlAnswer } from "../host/control-client.ts";
import { askControl } from "./ask-host.ts";

/** The host's answer to the deploy. */
export async function putRelease(
  state: string | undefined,
  release: Release,
  more: { readonly by?: string; readonly drainMs?: number } = {},
): Promise<ControlAnswer> {
  const path = `/v1/deployments/${release.manifest.name}`;
  const compared = await askControl(state, "POST", `${path}/diff`, { body: { release } });
  if (compared.status !== 200) return compared;
  const { hash, grew } = compared.body as AuthorityDiffView;
  const body = { release, ...more, ...(grew.length > 0 ? { accept: hash } : {}) };
  return askControl(state, "PUT", path, { body });
}
