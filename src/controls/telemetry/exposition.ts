// The Prometheus text format, version 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). By hand: everything is read
// from other processes at the moment it is asked for, so a library's registry of counters would hold copies; what is left of
// it is this page. A label's value is escaped, so that no value can look like a line of its own.

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Histogram {
  readonly labels: Labels;
  /** How many were at most each of the family's `buckets`. */
  readonly upTo: readonly number[];
  readonly count: number;
  readonly sum: number;
}

export type Family = { readonly name: string; readonly help: string } & (
  | { readonly type: "gauge" | "counter"; readonly samples: readonly Sample[] }
  | { readonly type: "histogram"; readonly buckets: readonly number[]; readonly samples: readonly Histogram[] }
);

export const expositionType = "text/plain; version=0.0.4; charset=utf-8";

/** A page of metrics. A family without samples is named all the same. */
export function exposition(families: readonly Family[]): string {
  return families.map(familyText).join("");
}

function familyText(family: Family): string {
  const { name, help, type } = family;
  const lines =
    family.type === "histogram"
      ? family.samples.flatMap((one) => histogramLines(name, family.buckets, one))
      : family.samples.map(({ labels, value }) => line(name, labels, value));
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function histogramLines(name: string, buckets: readonly number[], { labels, upTo, count, sum }: Histogram): string[] {
  return [
    ...buckets.map((most, at) => line(`${name}_bucket`, { ...labels, le: String(most) }, upTo[at] ?? 0)),
    line(`${name}_bucket`, { ...labels, le: "+Inf" }, count),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  ];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
