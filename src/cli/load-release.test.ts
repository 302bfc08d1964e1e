// Overlays on disk: what the command line reads, and the files that it does not take, each with the words that a person sees.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CommandError } from "./arguments.ts";
import { loadRelease } from "./load-release.ts";

const agent = `version: 1
name: clerk
purpose: Pay.
agent:
  instructions: ./instructions.md
  model: { provider: anthropic, base_url: https://api.example/v1, name: m }
channels: { api: { users: [amy] } }
`;

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "ambit-overlays-"));
  const write = (name: string, text: string | Uint8Array): void => writeFileSync(join(folder, name), text);
  write("instructions.md", "Pay.");
  write("steps.yaml", "limits: { steps_per_turn: 5 }");
  write("wide.yaml", "# more\nlimits: { steps_per_turn: 21 }");
  write("open.yaml", "limits: {");
  write("huge.yaml", `#${"x".repeat(65_536)}`);
  write("bytes.yaml", Uint8Array.of(0xff, 0xfe));
  write("dear.yaml", "limits: { usd_per_day: 5 }");
  symlinkSync("/etc/passwd", join(folder, "out.yaml"));
  symlinkSync("steps.yaml", join(folder, "again.yaml"));
});
after(() => rmSync(folder, { recursive: true }));

function load(overlays: string) {
  const file = join(folder, "agent.yaml");
  writeFileSync(file, `${agent}overlays: ${overlays}\n`);
  return loadRelease(file);
}

test("an overlay is merged, and the release holds the file before it and its text", () => {
  const { release, narrowed } = load("[./steps.yaml]");
  assert.equal(release.manifest.limits.steps_per_turn, 5);
  assert.equal(release.overlaid?.base.limits.steps_per_turn, 20);
  assert.deepEqual(release.overlaid?.files, [{ file: "./steps.yaml", text: "limits: { steps_per_turn: 5 }" }]);
  assert.deepEqual(
    narrowed.map(({ file, shrank }) => [file, shrank.length]),
    [["./steps.yaml", 1]],
  );
});

const refused: readonly (readonly [name: string, overlays: string, said: RegExp])[] = [
  ["that is not there", "[steps.yaml, none.yaml]", /^overlays\.1: there is no file .*none\.yaml; paths are relative/],
  ["that is a folder", "[.]", /^overlays\.0: .* is not a file$/],
  ["that is a link out of the folder", "[out.yaml]", /^overlays\.0: out\.yaml leads out of the folder/],
  ["that is another one by a link", "[steps.yaml, again.yaml]", /^overlays\.1: again\.yaml is .* twice/],
  ["of more than 64 KiB", "[huge.yaml]", /^overlays\.0: .* has 65537 bytes; at most 65536 are read$/],
  ["that is no text", "[bytes.yaml]", /^overlays\.0: .* is not UTF-8 text$/],
  ["that is no YAML", "[open.yaml]", /\/open\.yaml:1:10: not valid YAML: /],
  ["that widens", "[steps.yaml, wide.yaml]", /\/wide\.yaml:2:11: limits\.steps_per_turn: .*: 5 -> 21 \(limit /],
  ["after which the file is unsound", "[dear.yaml]", /agent\.yaml with its overlays: .*price/],
];

for (const [name, overlays, said] of refused) {
  test(`an overlay ${name} is refused with its place`, () => {
    assert.throws(
      () => load(overlays),
      (thrown) => thrown instanceof CommandError && said.test(thrown.message),
    );
  });
}
