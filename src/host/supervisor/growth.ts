// Control `redeploys`: whether a release may take the place of the one that runs. Whoever asks wants to bring the difference
// along; it is computed here, from the release that the registry says runs, and nobody's word counts. Must stay true: growth
// without the hash of exactly this difference is refused; where the running release names people who must agree, growth
// waits for them; a rollback needs no word only for what ran right before, and never takes those people away by itself.
import { diffAuthority, hashDiff, describeChange } from "../../controls/manifest/authority.ts";
import type { Release } from "../../controls/manifest/release.ts";
import type { Problem } from "../../controls/wire/gate.ts";
import type { AuthorityDiffView } from "../../controls/wire/releases.ts";
import type { Host } from "./host.ts";
import { makeProblem } from "./problem.ts";
import type { DeploymentRow } from "./registry.ts";

/** Lines of a difference that a refusal quotes; the whole stands beside it. */
const quoted = 5;

/** What `release` may do beside the one that runs. */
export function compareRelease(
  before: Pick<DeploymentRow, "release"> | undefined,
  release: Release,
): AuthorityDiffView {
  const running = before?.release;
  const { grew, shrank, changed } = diffAuthority(running, release);
  const from = running?.release ?? null;
  const hash = hashDiff(from, release.release, { grew, shrank, changed });
  return { from, to: release.release, hash, grew: [...grew], shrank: [...shrank], changed: [...changed] };
}

/** Whether a deploy may go on at once, waits for a second person, or is refused. */
export function decideGrowth(
  name: string,
  before: DeploymentRow,
  authority: AuthorityDiffView,
  accept: string | undefined,
): "go" | "propose" | Problem {
  if (authority.grew.length === 0) return "go";
  if (accept !== authority.hash) return growthRefused(name, authority, accept !== undefined);
  return before.release?.manifest.redeploys === undefined ? "go" : "propose";
}

/** The same of a release that ran before: it was accepted then. */
export function decideRollback(
  { registry }: Host,
  before: DeploymentRow & { readonly release: Release },
  authority: AuthorityDiffView,
): "go" | "propose" {
  const { name, release } = before;
  if (authority.grew.length === 0 || release.manifest.redeploys === undefined) return "go";
  const isUndo = registry.releases.before(name, release.release) === authority.to;
  return isUndo && !authority.grew.some(({ kind }) => kind === "redeploys") ? "go" : "propose";
}

function growthRefused(name: string, authority: AuthorityDiffView, isOther: boolean): Problem {
  const lines = authority.grew.slice(0, quoted).map(describeChange);
  const more = authority.grew.length > quoted ? ` and ${authority.grew.length - quoted} more` : "";
  const why = isOther ? "what was accepted is another difference than this one" : "nobody accepted that";
  const detail = `this release lets ${name} do more (${lines.join("; ")}${more}) and ${why}: look at it, then send accept with its hash (./ambit deploy FILE --yes)`;
  const decision = { layer: "supervisor", rule: "authority", reason: "authority_grew" };
  return { ...makeProblem(409, "authority_grew", detail.slice(0, 2000), "accept"), decision, authority };
}
