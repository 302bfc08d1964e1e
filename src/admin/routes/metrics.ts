// What runs, as Prometheus collects it. It takes a token like everything that is read: counts of refusals and money say what a
// deployment does. Labels are names of deployments and parts, and machine words of closed kinds.
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { modelBuckets, type Counts } from "../../controls/telemetry/counts.ts";
import { exposition, expositionType, type Family, type Labels } from "../../controls/telemetry/exposition.ts";
import { hostStatus, type DeploymentList, type HostStatus } from "../../controls/wire/control.ts";
import { hostMeasures, requestBuckets, type FrontMeasures } from "../../controls/wire/measures.ts";
import type { ChainStatus } from "../event-view.ts";
import type { OtlpSender } from "../otlp.ts";
import { route } from "../row.ts";
import { askDeployments } from "./deployments.ts";

const askMs = 5000;
const roundMs = 2000;
const states = ["starting", "ready", "backing_off", "stopped"] as const;

export const metricsRows = [
  route({
    id: "getMetrics",
    method: "GET",
    path: "/metrics",
    role: "viewer",
    summary: "Shows counts and gauges in the text format of Prometheus.",
    event: null,
    params: {},
    query: {},
    body: null,
    type: expositionType,
    answer: z.string(),
    handle: async ({ host, watch, otlp, puller }) => {
      const asked = { method: "GET", actor: null, timeoutMs: askMs } as const;
      const [status, all, measures, chains] = await Promise.all([
        host.ask({ ...asked, path: "/v1/status", answer: hostStatus }),
        askDeployments(host),
        host.ask({ ...asked, path: "/v1/measures", answer: hostMeasures }),
        puller.status(),
        // One gate that is slow must not keep a scrape waiting: what is not read by then is counted in the next.
        Promise.race([watch.round(), pause(roundMs, undefined, { ref: false })]),
      ]);
      if ("code" in status) return status;
      if ("code" in all) return all;
      if ("code" in measures) return measures;
      if ("code" in chains) return chains;
      const counted = [...watch.all].map(([deployment, { counts }]) => [deployment, counts] as const);
      const families = [
        ...partFamilies(status.value),
        ...deploymentFamilies(all.value),
        ...frontFamilies(measures.value.front),
        ...countFamilies(counted),
        ...indexFamilies(chains),
        ...otlpFamilies(otlp),
      ];
      return new Response(exposition(families), { headers: { "content-type": expositionType } });
    },
  }),
];

function partFamilies({ version, processes }: HostStatus): Family[] {
  const of = (read: (part: HostStatus["processes"][number]) => number) =>
    processes.map((part) => ({ labels: { part: part.name }, value: read(part) }));
  return [
    gauge("ambit_info", "The version that runs.", [{ labels: { version }, value: 1 }]),
    gauge(
      "ambit_part_up",
      "1 while a part is ready.",
      of(({ state }) => (state === "ready" ? 1 : 0)),
    ),
    counter(
      "ambit_part_restarts_total",
      "How often a part was started again.",
      of(({ restarts }) => restarts),
    ),
    gauge(
      "ambit_part_memory_bytes",
      "Proportional set size of a part.",
      of(({ pss }) => pss ?? 0),
    ),
  ];
}

function deploymentFamilies({ deployments }: DeploymentList): Family[] {
  const byState = states.map((state) => ({
    labels: { state },
    value: deployments.filter((one) => one.state === state).length,
  }));
  const frozen = deployments.map((one) => ({ labels: { deployment: one.name }, value: one.frozen === null ? 0 : 1 }));
  return [
    gauge("ambit_deployments", "Deployments by the state of their gate.", byState),
    gauge("ambit_deployment_frozen", "1 while a deployment is frozen.", frozen),
  ];
}

function frontFamilies(front: FrontMeasures | null): Family[] {
  const { requests = [], refusals = [] } = front ?? {};
  const durations = requests.map(({ deployment, status, upTo, count, sum }) => ({
    ...{ labels: { deployment, status }, upTo, count, sum },
  }));
  const refused = refusals.map(({ reason, count }) => ({ labels: { reason }, value: count }));
  return [
    {
      ...{ name: "ambit_front_request_seconds", help: "How long requests took, by deployment and class of status." },
      ...{ type: "histogram", buckets: requestBuckets, samples: durations },
    },
    counter(
      "ambit_front_refused_total",
      "Requests and connections that the front refused or cut, by its code.",
      refused,
    ),
  ];
}

type Counted = ReadonlyArray<readonly [deployment: string, counts: Counts]>;

function countFamilies(all: Counted): Family[] {
  const one = (read: (counts: Counts) => number) =>
    all.map(([deployment, counts]) => ({ labels: { deployment }, value: read(counts) }));
  const by = (label: string, read: (counts: Counts) => Readonly<Record<string, number>>) =>
    all.flatMap(([deployment, counts]) =>
      Object.entries(read(counts)).map(([word, value]) => ({ labels: { deployment, [label]: word } as Labels, value })),
    );
  return [
    counter(
      "ambit_turns_opened_total",
      "Messages that became turns.",
      one(({ turnsOpened }) => turnsOpened),
    ),
    counter(
      "ambit_turns_closed_total",
      "Turns that ended: done, or why not.",
      by("end", ({ turnsClosed }) => turnsClosed),
    ),
    counter(
      "ambit_calls_total",
      "What became of tool calls.",
      by("outcome", ({ calls }) => calls),
    ),
    counter(
      "ambit_refusals_total",
      "Calls, messages and senders refused.",
      by("code", ({ refusals }) => refusals),
    ),
    gauge(
      "ambit_held_calls",
      "Calls that wait for a person.",
      one(({ held }) => Object.keys(held).length),
    ),
    counter(
      "ambit_model_tokens_total",
      "Tokens that models read and wrote.",
      by("direction", ({ model }) => ({ input: model.input, output: model.output })),
    ),
    counter(
      "ambit_model_usd_total",
      "US dollars, where the file has a price.",
      one(({ model }) => model.microUsd / 1e6),
    ),
    {
      ...{ name: "ambit_model_seconds", help: "How long answers of models took.", type: "histogram" },
      buckets: modelBuckets,
      samples: all.map(([deployment, { model }]) => ({
        ...{ labels: { deployment }, upTo: model.upTo, count: model.steps, sum: model.ms / 1000 },
      })),
    },
  ];
}

function indexFamilies(chains: readonly ChainStatus[]): Family[] {
  const there = chains.filter(({ removed }) => !removed);
  const of = (read: (one: ChainStatus) => number | null) =>
    there.flatMap((one) => {
      const value = read(one);
      return value === null ? [] : [{ labels: { deployment: one.deployment, chain: one.chain }, value }];
    });
  return [
    gauge(
      "ambit_index_behind_entries",
      "Audit entries that the index has not read yet.",
      of(({ behind }) => behind),
    ),
    gauge(
      "ambit_index_fault",
      "1 where a chain does not follow from what was read.",
      of(({ fault }) => (fault ? 1 : 0)),
    ),
  ];
}

function otlpFamilies(otlp: OtlpSender | null): Family[] {
  if (otlp === null) return [];
  const { spans, dropped } = otlp.sent;
  const reasons = Object.entries(dropped).map(([reason, value]) => ({ labels: { reason }, value }));
  return [
    counter("ambit_otlp_spans_sent_total", "Spans that the collector took.", [{ labels: {}, value: spans }]),
    counter("ambit_otlp_spans_dropped_total", "Spans that were given up.", reasons),
    gauge("ambit_otlp_spans_waiting", "Spans that wait for the collector.", [{ labels: {}, value: otlp.waiting }]),
  ];
}

type Samples = Extract<Family, { type: "gauge" | "counter" }>["samples"];

function gauge(name: string, help: string, samples: Samples): Family {
  return { name, help, type: "gauge", samples };
}

function counter(name: string, help: string, samples: Samples): Family {
  return { name, help, type: "counter", samples };
}
