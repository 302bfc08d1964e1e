// Colour, for what must not be overlooked and for the demo's story, on a terminal that shows colours and nowhere else: a
// file or a pipe gets plain words, and so does whoever set NO_COLOR (no-color.org).

const inks = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2, guilty: 7 } as const;
export type Ink = keyof typeof inks;

type Stream = { readonly isTTY?: boolean };

/** Whether `stream` is a terminal that shows colours, for somebody who wants them. */
export function canPaint(stream: Stream): boolean {
  return stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "" && process.env["TERM"] !== "dumb";
}

/** The text in this ink where there is colour. */
export function paint(text: string, ink: Ink | undefined, stream: Stream): string {
  return ink === undefined || text === "" || !canPaint(stream) ? text : `\u001b[${inks[ink]}m${text}\u001b[0m`;
}

/** The text in red when `stream` is a terminal. */
export function red(text: string, stream: Stream = process.stdout): string {
  return paint(text, "red", stream);
}

/** What is said of a deployment in observe mode wherever it is shown. */
export function observeWarning(name: string): string {
  return `NOT PRODUCTION: ${name} only observes. What its policy would refuse or hold for a person happens all the same.`;
}
