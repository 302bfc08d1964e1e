// Every command that a page shows is run, or says beside it why not. This looks at the pages; claims/docs.claim.test.ts types
// what they say.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { findUnsaid, looksTyped, readBlocks } from "./blocks.ts";
import { readPages, root } from "./pages.ts";

const blocks = readPages().flatMap(({ name, blocks: all }) => all.map((block) => ({ ...block, page: name })));

const notRun = [
  "README.md: claims/demo.claim.test.ts plays the demo, and the second command is what runs this",
  "docs/inbox.md: goes on until it is stopped; claims/inbox.claim.test.ts reads it",
  "docs/inbox.md: goes on until it is stopped; claims/inbox.claim.test.ts reads it",
  "docs/operations.md: a second Ambit; claims/telemetry.claim.test.ts starts one with a collector",
  "docs/proxy.md: needs a proxy of one's own",
  "docs/upgrades.md: while Ambit is stopped; src/host/supervisor/upgrade.test.ts runs it",
];

test("what looks typed at a shell stands in a block that is run, or that says why not", () => {
  const hidden = blocks.filter(({ kind, language, text }) => kind === "other" && language !== "js" && looksTyped(text));
  assert.deepEqual(
    hidden.map(({ page, line }) => `${page}:${line}: call this block sh`),
    [],
  );
});

test("blocks that are not run are these few", () => {
  const left = blocks.filter(({ kind }) => kind === "no-run").map(({ page, note }) => `${page}: ${note}`);
  assert.deepEqual(left, notRun);
});

test("a word that says nothing, a missing reason and a missing end are refused with page and line", () => {
  for (const [text, message] of [
    ["```sh no-run\nx\n```", /p:1: "no-run" .*lacks <!-- no-run: why -->/],
    ["```sh later\nx\n```", /p:1: "later" is no way to run a block/],
    ["```sh exit=0\nx\n```", /p:1: "exit=0"/],
    ["\n```yaml file=../x\nx\n```", /p:2: "file=...x" says nothing/],
    ["```sh\nx", /p:1: this block has no end/],
  ] as const)
    assert.throws(() => readBlocks("p", text), message);
});

test("each way to mark a block is read", () => {
  const text = "<!-- no-run: why -->\n```sh no-run\na\n```\n```sh exit=4\nb\n```\n```ts file=a/b-c.ts\nc\n```\n";
  const read = readBlocks("p", text).map(({ kind, exit, note, line }) => [kind, exit, note, line]);
  assert.deepEqual(read, [
    ["no-run", 0, "why", 2],
    ["run", 4, "", 5],
    ["file", 0, "a/b-c.ts", 8],
  ]);
});

test("output that differs in a word, in a line too many or too few is seen", () => {
  const said = "one  1\ntwo 2\n\nthree 3\n";
  for (const shown of ["one 1\ntwo 2\nthree 3", "one …\n…\nthree 3", "…", "…\nthree 3", "one 1\n…"])
    assert.equal(findUnsaid(shown, said), undefined, shown);
  for (const [shown, line] of [
    ["one 1\ntwo 3\nthree 3", "two 3"],
    ["one 1\nthree 3", "three 3"],
    ["one 1\ntwo 2", "(nothing more, but then came: three 3)"],
    ["…\nfour", "four"],
    ["one .\ntwo 2\nthree 3", "one ."],
  ] as const)
    assert.equal(findUnsaid(shown, said), line, shown);
});

test("a link to a file that is not there, or to a heading that is not in it, is refused", () => {
  const names = ["SECURITY.md", "AGENTS.md", "DEPENDENCIES.md", ...readPages().map(({ name }) => name)];
  assert.deepEqual(
    names.flatMap((name) => deadLinks(name, readFileSync(root + name, "utf8"))),
    [],
  );
  const text = "[a](no.md) [b](README.md#nothing) [c](README.md#controls) [d](https://e.example/)";
  assert.deepEqual(deadLinks("page.md", text), ["page.md: no.md", "page.md: README.md#nothing"]);
});

function deadLinks(page: string, markdown: string): string[] {
  const links = [...markdown.replace(/```.*?```/gs, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
  const isDead = (link: string) => {
    const [file = "", heading] = link.split("#");
    const target = join(root, file === "" ? page : join(dirname(page), file));
    return !existsSync(target) || (heading !== undefined && !headingsOf(target).includes(heading));
  };
  return links.filter((link) => !/^https?:/.test(link) && isDead(link)).map((link) => `${page}: ${link}`);
}

/** As GitHub spells them in links. */
function headingsOf(file: string): string[] {
  const headings = [...readFileSync(file, "utf8").matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => text.toLowerCase());
  return headings.map((text) => text.replace(/[^\p{L}\p{N}\-_ ]/gu, "").replaceAll(" ", "-"));
}
