// Control `redeploys`, `least-privilege`: whether a release is what its file and its overlays make. An attacker hands over
// a release with narrow overlays beside a wide manifest, or leaves them out: so nobody's merge is believed, the supervisor
// makes it again from the base and the texts that the release holds, and the smallest difference refuses it.
import { canonicalJson } from "./hash.ts";
import { applyOverlays } from "./overlay.ts";
import { describeProblem } from "./parse.ts";
import type { Release } from "./release.ts";

/** What is wrong with it, and where in the release; undefined when nothing is. */
export function findOverlayFault({
  manifest,
  overlaid,
}: Pick<Release, "manifest" | "overlaid">): { readonly field: string; readonly message: string } | undefined {
  const named = manifest.overlays ?? [];
  const files = overlaid?.files ?? [];
  if (canonicalJson(named) !== canonicalJson(files.map(({ file }) => file)))
    return { field: "release.overlaid", message: "does not hold the overlays that the file names, in their order" };
  if (overlaid === undefined) return undefined;
  const made = applyOverlays(overlaid.base, overlaid.files);
  if ("problems" in made) {
    const [first] = made.problems;
    const message = first === undefined ? made.file : describeProblem(made.file, first);
    return { field: `release.overlaid.files.${files.findIndex(({ file }) => file === made.file)}`, message };
  }
  if (canonicalJson(made.manifest) === canonicalJson(manifest)) return undefined;
  return { field: "release.manifest", message: "is not what the base and its overlays make" };
}
