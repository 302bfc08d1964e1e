// Control `schemas`: text that somebody else chose, on its way to a terminal. Whoever hands an operator a file would like
// a key or a purpose that clears the line above it, turns it right to left or hides in it (CWE-150, Trojan Source).

/**
 * Controls, line separators, half surrogates, and characters that are there without being seen or turn the text round.
 * The zero-width joiners stay: Persian, Hindi and emoji are written with them.
 */
const unprintable =
  "\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e0fff}";

const anyUnprintable = new RegExp(`[${unprintable}]`, "gu");

/** Whether a text is one line that shows on a terminal as what it is. */
export function isPrintable(text: string): boolean {
  return text.search(anyUnprintable) === -1;
}

/** The first `most` characters of `text`, with what does not show replaced by U+FFFD. */
export function printable(text: string, most = 64): string {
  const shown = text.replace(anyUnprintable, "\ufffd");
  return shown.length > most ? `${shown.slice(0, most).toWellFormed()}...` : shown;
}
