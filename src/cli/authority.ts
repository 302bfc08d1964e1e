// What a release may do beside the one that runs, in plain words: `+` what grew, in red, `-` what shrank, `~` what steers it.
// Whatever a file names is shown with its invisible characters made visible: a line must not read as another one.
import { describeChange, type Change } from "../controls/manifest/authority.ts";
import type { Narrowing } from "../controls/manifest/overlay.ts";
import type { AuthorityDiffView } from "../controls/wire/releases.ts";
import { red } from "./paint.ts";

/** Where `narrowed` is known, what an overlay took away says which one did. */
export function renderAuthority(
  name: string,
  { from, grew, shrank, changed }: AuthorityDiffView,
  narrowed: readonly Narrowing[] = [],
): string {
  const say = (sign: string, changes: AuthorityDiffView["grew"]): string[] =>
    changes.map(
      (change) => `  ${sign} ${visible(describeChange(change) + (sign === "-" ? overlayOf(change, narrowed) : ""))}`,
    );
  const lines = [...say("+", grew).map((text) => red(text)), ...say("-", shrank), ...say("~", changed)];
  const beside = from === null ? "nothing that runs" : `release ${from.slice(0, 12)}`;
  const head = `${name}, compared with ${beside}:`;
  return [head, ...(lines.length > 0 ? lines : ["  nothing that it may do changes"])].join("\n");
}

/** What each overlay takes away from the deployment file. */
export function renderNarrowed(narrowed: readonly Narrowing[]): string[] {
  return narrowed.flatMap(({ file, shrank }) => [
    visible(`  narrowed by overlay ${file}:`),
    ...(shrank.length === 0 ? ["    - nothing"] : shrank.map((change) => `    - ${visible(describeChange(change))}`)),
  ]);
}

function overlayOf({ kind, subject, after }: Change, narrowed: readonly Narrowing[]): string {
  const from = narrowed.findLast(({ shrank }) =>
    shrank.some((change) => change.kind === kind && change.subject === subject && change.after === after),
  );
  return from === undefined ? "" : ` (overlay ${from.file})`;
}

/** What does not show, turns text round or shows as a space and is none, as `\u{...}`: a line could read as something else. */
export function visible(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
