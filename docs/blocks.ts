// Reads the fenced blocks of a page, so that what a reader is told to type is what a test types. A page that shows a command
// nobody ran is a claim that nobody measured. What must stay true: every block of commands is found, and one that is not run
// says why beside it. Pure.
//
//   ```sh               runs, in order, in the shell of its page
//   ```sh exit=4        the last command must end with this code
//   ```sh background    goes on until the last page is done; says {"ready":true} when it serves
//   ```sh host          starts Ambit: done once, for all pages
//   ```sh no-run        is not run; the comment on the line before says why: <!-- no-run: ... -->
//   ```yaml file=PATH   a file that the reader writes, in any language
//   ```text output      what the block before it showed; `…` stands for what differs, alone on a line for any lines

export interface Block {
  /** Line of the opening fence. */
  readonly line: number;
  readonly kind: "run" | "background" | "host" | "no-run" | "file" | "output" | "other";
  readonly text: string;
  readonly language: string;
  readonly exit: number;
  /** Of a file: where it goes. Of a block that is not run: why. */
  readonly note: string;
}

const fence = /^( *)```(.*)$/;
const why = /^<!-- no-run: (.+) -->$/;

/** The fenced blocks of a page in order. Throws a sentence with page and line for one that cannot be understood. */
export function readBlocks(page: string, markdown: string): Block[] {
  const lines = markdown.split("\n");
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const opening = fence.exec(lines[at] ?? "");
    if (opening === null) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === "```");
    if (end === -1) throw new Error(`${page}:${at + 1}: this block has no end`);
    const text = lines.slice(at + 1, end).map((line) => line.slice(opening[1]?.length ?? 0));
    const before = why.exec(lines[at - 1] ?? "")?.[1] ?? "";
    blocks.push(blockOf(`${page}:${at + 1}`, at + 1, opening[2] ?? "", text.join("\n"), before));
    at = end;
  }
  return blocks;
}

function blockOf(place: string, line: number, info: string, text: string, before: string): Block {
  const [language = "", ...words] = info.trim().split(/\s+/);
  const block = { line, text, language, exit: 0, note: "", kind: "other" as const };
  const [word = "", more] = words;
  if (more !== undefined) throw new Error(`${place}: "${more}" is one word too many`);
  const [key, value = ""] = word.split("=");
  if (language === "sh") {
    if (word === "") return { ...block, kind: "run" };
    if (key === "exit" && /^[1-9]$/.test(value)) return { ...block, kind: "run", exit: Number(value) };
    if (word === "background" || word === "host") return { ...block, kind: word };
    if (word === "no-run" && before !== "") return { ...block, kind: "no-run", note: before };
    throw new Error(`${place}: "${word}" is no way to run a block, or the line before it lacks <!-- no-run: why -->`);
  }
  if (key === "file" && /^[\w-]+([/.][\w-]+)*$/.test(value)) return { ...block, kind: "file", note: value };
  if (word === "output" && language === "text") return { ...block, kind: "output" };
  if (word !== "") throw new Error(`${place}: "${word}" says nothing about a block of ${language}`);
  return block;
}

/** True for lines that look typed at a shell, wherever they stand. */
export function looksTyped(text: string): boolean {
  return /^\s*(\$ |\.\/ambit |curl |node |npm |export |printf )/m.test(text);
}

/** The first line that a page shows and that was not said, or undefined. Blanks count once. */
export function findUnsaid(shown: string, said: string): string | undefined {
  const squeeze = (text: string) => text.split("\n").map((line) => line.replace(/\s+/g, " ").trim());
  const [wanted, got] = [squeeze(shown), squeeze(said).filter((line) => line !== "")];
  let at = 0;
  let isLoose = false;
  for (const line of wanted.filter((one) => one !== "")) {
    if (line === "…") isLoose = true;
    else {
      const found = got.findIndex((one, index) => index >= at && isLike(line, one));
      if (found === -1 || (!isLoose && found !== at)) return line;
      at = found + 1;
      isLoose = false;
    }
  }
  return isLoose || at === got.length ? undefined : `(nothing more, but then came: ${got[at]})`;
}

function isLike(shown: string, said: string): boolean {
  const parts = shown.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(".*")}$`).test(said);
}
