// Control `callbacks`: is an `xn--` label really the encoded form of a name? Parsers that see only ASCII let any such
// label through unread, and a resolver or a certificate check that does read it may see another name, or none. Must stay
// true: a label passes only when it decodes (RFC 3492) and the decoded name, read by WHATWG, gives back the same label.

const [base, tMin, tMax, skew, damp] = [36, 1, 26, 38, 700];

/** @param label one lower-case label that starts with `xn--` */
export function isEncodedLabel(label: string): boolean {
  const name = decodePunycode(label.slice("xn--".length));
  return name !== null && URL.parse(`https://${name}.example/`)?.hostname === `${label}.example`;
}

/** RFC 3492 section 6.2, or null when the text encodes nothing. */
function decodePunycode(text: string): string | null {
  const dash = text.lastIndexOf("-");
  const points = Array.from(dash > 0 ? text.slice(0, dash) : "", (letter) => letter.charCodeAt(0));
  let [point, index, bias] = [128, 0, 72];
  let rest = text.slice(dash + 1);
  let isFirst = true;
  while (rest !== "") {
    const step = decodeInteger(rest, bias);
    if (step === null) return null;
    const length = points.length + 1;
    bias = adapt(step.value, length, isFirst);
    isFirst = false;
    index += step.value;
    point += Math.floor(index / length);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return null;
    index %= length;
    points.splice(index++, 0, point);
    rest = rest.slice(step.digits);
  }
  return String.fromCodePoint(...points);
}

/** One generalised variable-length integer: its value and how many digits it took. */
function decodeInteger(text: string, bias: number): { value: number; digits: number } | null {
  let [value, weight] = [0, 1];
  for (let digits = 1; digits <= text.length; digits++) {
    const digit = digitOf(text.charCodeAt(digits - 1));
    if (digit === null) return null;
    value += digit * weight;
    if (value > 0x7fffffff) return null;
    const threshold = Math.min(tMax, Math.max(tMin, base * digits - bias));
    if (digit < threshold) return { value, digits };
    weight *= base - threshold;
  }
  return null;
}

function adapt(delta: number, length: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? damp : 2));
  rest += Math.floor(rest / length);
  let steps = 0;
  for (; rest > ((base - tMin) * tMax) / 2; steps += base) rest = Math.floor(rest / (base - tMin));
  return steps + Math.floor(((base - tMin + 1) * rest) / (rest + skew));
}

function digitOf(code: number): number | null {
  if (code >= 0x61 && code <= 0x7a) return code - 0x61;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 26;
  return null;
}
