import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import type { Span } from "../controls/telemetry/turn-trace.ts";
import { maxWaiting, OtlpSender } from "./otlp.ts";

const span: Span = {
  ...{ traceId: "a".repeat(32), spanId: "b".repeat(16), parentId: null, name: "invoke_agent x", kind: "internal" },
  ...{ start: 1, end: 2, attributes: {}, error: null, links: [] },
};

async function collector(t: TestContext, listener: RequestListener): Promise<URL> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`);
}

async function until(isTrue: () => boolean): Promise<void> {
  for (let n = 0; !isTrue(); n++) {
    if (n > 500) throw new Error("did not happen within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("works at all: what is added is posted as JSON", async (t) => {
  const bodies: string[] = [];
  const url = await collector(t, (request, response) => {
    request.on("data", (chunk) => bodies.push(String(chunk)));
    request.on("end", () => response.end("{}"));
  });
  const sender = new OtlpSender(url);
  sender.add([span, span]);
  await until(() => sender.sent.spans === 2);
  assert.match(bodies.join(""), /"traceId":"a{32}"/);
  assert.equal(sender.waiting, 0);
});

test("a collector that refuses for good is not asked again, and the loss is counted", async (t) => {
  let asked = 0;
  const url = await collector(t, (request, response) => {
    asked++;
    request.resume().on("end", () => response.writeHead(400).end());
  });
  const sender = new OtlpSender(url);
  sender.add([span]);
  await until(() => sender.sent.dropped.refused === 1);
  assert.deepEqual([asked, sender.waiting, sender.sent.spans], [1, 0, 0]);
});

test("a collector that is busy is asked again, and nothing is lost", async (t) => {
  let asked = 0;
  const url = await collector(t, (request, response) => {
    const status = ++asked === 1 ? 503 : 200;
    request.resume().on("end", () => response.writeHead(status).end());
  });
  const sender = new OtlpSender(url);
  sender.add([span]);
  await until(() => sender.sent.spans === 1);
  assert.equal(asked, 2);
});

test("a collector that is down, never answers or never ends its answer holds nobody up: so many wait, more are dropped aloud", async (t) => {
  const silent = await collector(t, () => undefined);
  const endless = await collector(t, (request, response) => {
    request.resume();
    const more = (): void => void (response.destroyed || (response.write("x".repeat(65_536)), setImmediate(more)));
    more();
  });
  for (const url of [silent, endless, new URL("http://127.0.0.1:1/v1/traces")]) {
    const sender = new OtlpSender(url, 50);
    const full = Array.from({ length: maxWaiting }, () => span);
    sender.add(full);
    sender.add([span]);
    assert.deepEqual([sender.waiting, sender.sent.dropped.queue_full], [maxWaiting, 1]);
    await new Promise((resolve) => setTimeout(resolve, 80));
    assert.equal(sender.waiting, maxWaiting);
    sender.stop();
  }
});
