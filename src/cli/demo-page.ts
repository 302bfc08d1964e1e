// How the demo's story is set: lines that fit the terminal, whatever stands in them. Pure but for `openPage`. Words of a mail,
// a model or a call are somebody else's: what does not show is made visible before it is measured, so that no text can
// leave its line or hide in it.
import { stripVTControlCharacters } from "node:util";
import { visible } from "./authority.ts";
import { canPaint, paint, type Ink } from "./paint.ts";

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]|\ufe0f/u;
const narrowest = 20;
const usual = 80;

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  return pieces(stripVTControlCharacters(text)).reduce((sum, piece) => sum + widthOfPiece(piece), 0);
}

function pieces(text: string): string[] {
  return [...graphemes.segment(text)].map(({ segment }) => segment);
}

function widthOfPiece(piece: string): number {
  return wide.test(piece) ? 2 : /^[\p{M}\u200c\u200d]+$/u.test(piece) ? 0 : 1;
}

/** Cuts a word that is wider than a whole line; another one stays whole. */
function cut(word: string, width: number): string[] {
  const parts = [""];
  for (const piece of pieces(word)) {
    if (widthOf((parts.at(-1) ?? "") + piece) > width) parts.push("");
    parts[parts.length - 1] += piece;
  }
  return parts;
}

/** A paragraph in lines of at most `width` columns: the first begins with `first`, the others with `rest`. */
export function wrap(text: string, width: number, first = "", rest = first): string[] {
  const room = Math.max(1, width - Math.max(widthOf(first), widthOf(rest)));
  const lines: string[] = [];
  for (const word of visible(text)
    .split(" ")
    .flatMap((one) => cut(one, room))) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line, at) => (at === 0 ? first : rest) + line);
}

/**
 * A shell command in lines that can be pasted as they are: each but the last ends with a backslash, and the shell joins them,
 * inside double quotes too, which is why no line but the first is indented.
 */
export function wrapCommand(command: string, width: number): string[] {
  const room = width - 1;
  const lines: string[] = [];
  let line = "  ";
  for (const word of command.split(/(?<= )/)) {
    const isLong = widthOf(word) > room;
    if (!isLong && widthOf(line + word) > room) {
      lines.push(`${line}\\`);
      line = "";
    }
    for (const piece of pieces(word)) {
      if (widthOf(line + piece) > room) {
        lines.push(`${line}\\`);
        line = "";
      }
      line += piece;
    }
  }
  return [...lines, line];
}

/** The lines of a text in which one of these values stands, however it is spaced. */
export function guiltyLines(lines: readonly string[], values: readonly string[]): boolean[] {
  const plain = (text: string): string => text.replaceAll(/\s/g, "").toLowerCase();
  const wanted = values.map(plain).filter((value) => value.length > 3);
  return lines.map((line) => wanted.some((value) => plain(line).includes(value)));
}

export interface Page {
  /** Columns, as they are now. */
  readonly width: number;
  say(text?: string, ink?: Ink, first?: string, rest?: string): void;
  /** Lines as they are. */
  lines(lines: readonly string[], ink?: Ink): void;
  /** Says what takes long, once it has taken more than a second; on a terminal that line goes again. */
  during<T>(words: string, work: Promise<T>): Promise<T>;
}

/** `isOver`: nothing more is said. */
export function openPage(stream: NodeJS.WriteStream, isOver: () => boolean): Page {
  const width = (): number => Math.max(narrowest, stream.isTTY ? stream.columns || usual : usual);
  const write = (text: string): void => void (isOver() || stream.write(text));
  const lines = (all: readonly string[], ink?: Ink): void =>
    write(`${all.map((line) => paint(line, ink, stream)).join("\n")}\n`);
  return {
    get width() {
      return width();
    },
    lines,
    say: (text = "", ink, first = "", rest = first) => lines(wrap(text, width(), first, rest), ink),
    during: async (words, work) => {
      const canClear = stream.isTTY && process.env["TERM"] !== "dumb";
      let isShown = false;
      const timer = setTimeout(() => {
        isShown = canClear;
        const [line = ""] = wrap(`${words} ...`, width() - 1);
        write(canClear ? paint(line, canPaint(stream) ? "dim" : undefined, stream) : `${line}\n`);
      }, 1000);
      try {
        return await work;
      } finally {
        clearTimeout(timer);
        if (isShown) write("\r\u001b[2K");
      }
    },
  };
}
