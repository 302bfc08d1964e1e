// Room 11: a reply goes out in pieces that end where a line ends, never inside a link, a token or a number: whoever reads
// along must not see `https://acme.example` and a moment later what came behind it. Short lines go together, so that an
// answer of a hundred thousand line ends is not a hundred thousand events.
const leastCharacters = 200;

/** Cuts a text; the pieces in order are the text. */
export function cutSegments(text: string): string[] {
  const segments: string[] = [];
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start + leastCharacters) + 1 || text.length;
    segments.push(text.slice(start, end));
    start = end;
  }
  return segments;
}
