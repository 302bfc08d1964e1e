// What a release may do beside the one that runs, in plain words: `+` what grew, in red, `-` what shrank, `~` what steers it.
// Whatever a file names is shown with its invisible characters made visible: a line must not read as another one.
import { describeChange } from "../controls/manifest/authority.ts";
import type { AuthorityDiffView } from "../controls/wire/releases.ts";
import { red } from "./paint.ts";

export function renderAuthority(name: string, { from, grew, shrank, changed }: AuthorityDiffView): string {
  const say = (sign: string, changes: AuthorityDiffView["grew"]): string[] =>
    changes.map((change) => `  ${sign} ${visible(describeChange(change))}`);
  const lines = [...say("+", grew).map((text) => red(text)), ...say("-", shrank), ...say("~", changed)];
  const beside = from === null ? "nothing that runs" : `release ${from.slice(0, 12)}`;
  const head = `${name}, compared with ${beside}:`;
  return [head, ...(lines.length > 0 ? lines : ["  nothing that it may do changes"])].join("\n");
}

/** What does not show, turns text round or shows as a space and is none, as `\u{...}`: a line could read as something else. */
export function visible(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
