// Control `runtime`: how much memory a JSON text from outside will take. Three bytes of text, `{},`, become an object of
// about sixty: an answer that is small enough to be passed on would still end the gate that reads it, and again after
// each restart.

/** Values that a text may hold, counted by the marks between them; a mark inside a string counts too. */
const maxMarks = 500_000;

/** Whether parsing `text` could take more memory than one answer is worth. */
export function isTooManyValues(text: string): boolean {
  if (text.length <= maxMarks) return false;
  let marks = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code === comma || code === bracket || code === brace) && ++marks > maxMarks) return true;
  }
  return false;
}

const comma = 0x2c;
const bracket = 0x5b;
const brace = 0x7b;
