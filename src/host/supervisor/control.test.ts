import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { hostStatus } from "../../controls/wire/control.ts";
import { problem } from "../../controls/wire/gate.ts";
import { endAll, makeState, Stand } from "./fixtures/stand.ts";
import { keepHeaders } from "./gate-pass.ts";

let stand: Stand;
before(async () => {
  stand = await Stand.start(makeState());
  await stand.deploy("alpha");
});
after(endAll);

function send(
  method: string,
  path: string,
  body: string | Buffer = "",
): Promise<{ status: number; type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: stand.places.control, method, path }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
      answer.on("end", () =>
        resolve({ status: answer.statusCode ?? 0, type: answer.headers["content-type"] ?? "", body: text }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

test("status and list are what the wire says they are", async () => {
  const status = hostStatus.parse((await stand.control("GET", "/v1/status")).body);
  assert.deepEqual(
    status.processes.map(({ name }) => name),
    ["broker", "front", "admin", "gate:alpha"],
  );
  assert.ok(status.processes.every(({ pss, pid }) => (pss ?? 0) > 1_000_000 && (pid ?? 0) > 1));
  const { body } = await stand.control("GET", "/v1/deployments");
  const [row] = (body as { deployments: Record<string, string>[] }).deployments;
  assert.deepEqual([row?.["name"], row?.["state"], row?.["release"]?.length], ["alpha", "ready", 64]);
});

test("every request that is not understood gets a problem document with its status", async () => {
  const rows: [method: string, path: string, body: string, status: number, type: string][] = [
    ["GET", "/", "", 404, "no_such_path"],
    ["GET", "/v1/statusx", "", 404, "no_such_path"],
    ["POST", "/v1/status", "", 405, "wrong_method"],
    ["PATCH", "/v1/deployments/alpha", "", 405, "wrong_method"],
    ["PUT", "/v1/deployments/Alpha", "{}", 422, "wrong_name"],
    ["PUT", "/v1/deployments/..", "{}", 422, "wrong_name"],
    ["PUT", "/v1/deployments/alpha", "", 400, "not_json"],
    ["PUT", "/v1/deployments/alpha", "{", 400, "not_json"],
    ["PUT", "/v1/deployments/alpha", "[]", 422, "not_understood"],
    ["PUT", "/v1/deployments/alpha", "{}", 422, "not_understood"],
    ["GET", "/v1/deployments/nobody/gate/control/status", "", 404, "no_such_deployment"],
    ["GET", "/v1/deployments/alpha/freeze", "", 405, "wrong_method"],
    ["POST", "/v1/deployments/Alpha/freeze", `{"by":"eve"}`, 422, "wrong_name"],
    ["POST", "/v1/deployments/nobody/freeze", `{"by":"eve"}`, 404, "no_such_deployment"],
    ["POST", "/v1/deployments/nobody/thaw", `{"by":"eve"}`, 404, "no_such_deployment"],
    ["POST", "/v1/deployments/alpha/freeze", "", 400, "not_json"],
    ["POST", "/v1/deployments/alpha/freeze", "{}", 422, "not_understood"],
    ["POST", "/v1/deployments/alpha/freeze", `{"by":""}`, 422, "not_understood"],
    ["POST", "/v1/deployments/alpha/freeze", `{"by":"eve","now":1}`, 422, "not_understood"],
    ["POST", "/v1/deployments/alpha/thaw", `{"by":"eve","reason":""}`, 422, "not_understood"],
  ];
  for (const [method, path, body, status, type] of rows) {
    const answer = await send(method, path, body);
    const parsed = problem.parse(JSON.parse(answer.body));
    assert.deepEqual(
      [answer.status, parsed.status, parsed.type],
      [status, status, `urn:ambit:problem:${type}`],
      `${method} ${path}`,
    );
    assert.equal(answer.type, "application/problem+json");
  }
});

test("a body of 2 MiB is read and one byte more is refused", async () => {
  const most = 2_097_152;
  const under = await send("PUT", "/v1/deployments/alpha", Buffer.alloc(most, " "));
  assert.equal((JSON.parse(under.body) as { type: string }).type, "urn:ambit:problem:not_json");
  const over = await send("PUT", "/v1/deployments/alpha", Buffer.alloc(most + 1, " ")).catch(
    (error: NodeJS.ErrnoException) => error.code,
  );
  assert.ok(typeof over === "string" || over?.status === 413);
});

test("a body on its way to a gate is bounded too", async () => {
  const path = "/v1/deployments/alpha/gate/control/echo";
  assert.equal((await send("POST", path, Buffer.alloc(1 << 20, "x"))).status, 200);
  const over = await send("POST", path, Buffer.alloc(2_097_153, "x")).catch(() => ({ status: 0 }));
  assert.ok([0, 502].includes(over.status), String(over.status));
  assert.equal((await send("GET", path)).status, 200);
});

test("hop-by-hop headers and what the connection names stay on their side, the rest crosses", () => {
  const headers = {
    connection: "close, X-Named",
    "x-named": "1",
    host: "h",
    authorization: "a",
    "x-ambit-client": "c",
    te: "t",
    "content-type": "text/plain",
    "x-other": "2",
  };
  assert.deepEqual(keepHeaders(headers), { "content-type": "text/plain", "x-other": "2" });
});
