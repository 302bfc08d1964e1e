// Red for what must not be overlooked, on a terminal that shows colours and nowhere else: a file or a pipe gets plain words,
// and so does whoever set NO_COLOR (no-color.org).

/** The text in red when `stream` is a terminal. */
export function red(text: string, stream: { readonly isTTY?: boolean } = process.stdout): string {
  const isPlain = stream.isTTY !== true || (process.env["NO_COLOR"] ?? "") !== "" || process.env["TERM"] === "dumb";
  return isPlain ? text : `\u001b[31m${text}\u001b[0m`;
}

/** What is said of a deployment in observe mode wherever it is shown. */
export function observeWarning(name: string): string {
  return `NOT PRODUCTION: ${name} only observes. What its policy would refuse or hold for a person happens all the same.`;
}
