import assert from "node:assert/strict";
import { test } from "node:test";
import { decideAnswers, decideUrl, hostPort, nothingListed, type CheckedUrl, type Listed } from "./url.ts";

const rule = (text: unknown, listed: Listed = nothingListed): string | null => {
  const verdict = decideUrl(text, listed, "send");
  return verdict.verdict === "refuse" ? verdict.refusal.reason : null;
};

/** Refused by this rule; the twin one step away passes. */
const twins: ReadonlyArray<readonly [string, string, string]> = [
  ["url.length", `https://example.com/${"a".repeat(2029)}`, `https://example.com/${"a".repeat(2028)}`],
  ["url.ambiguous", "https://example.com/a b", "https://example.com/a-b"],
  ["url.ambiguous", "https://example.com\\@internal.example.net/", "https://example.com/@internal.example.net/"],
  ["url.ambiguous", "https://example.com/\u007f", "https://example.com/~"],
  ["url.scheme", "http://example.com/", "https://example.com/"],
  ["url.scheme", "ftp://example.com/", "HTTPS://example.com/"],
  ["url.scheme", "https:///example.com/", "https://example.com//"],
  ["url.scheme", "https:example.com", "https://example.com"],
  ["url.parse", "https://example.com:99999/", "https://example.com:9999/"],
  ["url.userinfo", "https://user@example.com/", "https://example.com/?user@example.com"],
  ["url.userinfo", "https://:@example.com/", "https://example.com/:@"],
  ["url.userinfo", "https://@example.com/", "https://example.com/@"],
  ["host.percent", "https://%65xample.com/", "https://example.com/%65"],
  ["host.single-label", "https://intranet/", "https://intranet.example.com/"],
  ["host.single-label", "https://erp./", "https://erp.example./"],
  ["host.characters", "https://exa$mple.com/", "https://exa-mple.com/"],
  ["host.characters", "https://example..com/", "https://example.com/"],
  ["host.characters", "https://xn--pokxncvks.com/", "https://xn--bcher-kva.com/"],
  ["host.internal-name", "https://db.internal/", "https://db.internal.example.com/"],
  ["host.internal-name", "https://metadata.google.internal/", "https://metadata.google.example/"],
  ["host.internal-name", "https://printer.home.arpa/", "https://home.arpa.example/"],
  ["host.internal-name", "https://x.localhost./", "https://localhost.example.com/"],
  ["address.special", "https://127.0.0.1/", "https://1.1.1.1/"],
  ["address.special", "https://2130706433/", "https://16843009/"],
  ["address.special", "https://[::ffff:7f00:1]/", "https://[2606:4700::1111]/"],
  ["address.special", "https://\uff11\uff12\uff17.0.0.1/", "https://\uff11.1.1.1/"],
  ["port", "https://example.com:80/", "https://example.com:443/"],
  ["port", "https://1.1.1.1:1023/", "https://1.1.1.1:1024/"],
];

test("each rule refuses its case and lets the twin one step away through", () => {
  for (const [name, bad, good] of twins) {
    assert.equal(rule(bad), name, bad);
    assert.equal(rule(good), null, good);
  }
});

test("anything but a text is refused", () => {
  for (const value of [undefined, null, 1, ["https://example.com/"], new URL("https://example.com/")])
    assert.equal(rule(value), "url.length");
});

test("a listed HOST:PORT is let through and its neighbour one port away is not", () => {
  const listed = {
    internal: new Set(["127.0.0.1:7411", "erp:8080", "[::1]:9000", "db.internal:443"]),
    ports: new Set<number>(),
  };
  for (const text of [
    "http://127.0.0.1:7411/mcp",
    "http://ERP.:8080/",
    "https://erp:8080/",
    "http://[::1]:9000/",
    "https://db.internal/",
    "http://0x7f.1:7411/",
  ]) {
    assert.equal(rule(text, listed), null, text);
  }
  assert.equal(rule("http://127.0.0.1:7412/mcp", listed), "url.scheme");
  assert.equal(rule("https://127.0.0.1:7412/mcp", listed), "address.special");
  assert.equal(rule("https://127.0.0.2:7411/mcp", listed), "address.special");
  assert.equal(rule("http://db.internal/", listed), "url.scheme");
  assert.equal(rule("http://u@erp:8080/", listed), "url.userinfo");
});

test("a low port passes only when a rule names it", () => {
  const listed = { internal: new Set<string>(), ports: new Set([444]) };
  assert.equal(rule("https://example.com:444/", listed), null);
  assert.equal(rule("https://example.com:445/", listed), "port");
});

test("the host that is dialled is the one that was checked", () => {
  const checked = (text: string): Partial<CheckedUrl> => {
    const verdict = decideUrl(text, nothingListed, "send");
    assert.ok(verdict.verdict === "allow", text);
    const { host, port, isTls, isAddress } = verdict.value;
    return { host, port, isTls, isAddress };
  };
  assert.deepEqual(checked("https://EXAMPLE.com./x"), {
    host: "example.com",
    port: 443,
    isTls: true,
    isAddress: false,
  });
  assert.deepEqual(checked("https://[2606:4700::1]:8443/"), {
    host: "2606:4700::1",
    port: 8443,
    isTls: true,
    isAddress: true,
  });
  assert.equal(hostPort("::1", 80), "[::1]:80");
});

test("a public name with one private answer among several is refused, a listed name may be private", () => {
  const target = (text: string, listed: Listed): CheckedUrl => {
    const verdict = decideUrl(text, listed, "send");
    assert.ok(verdict.verdict === "allow");
    return verdict.value;
  };
  const answer = (checked: CheckedUrl, answers: string[]): string | number => {
    const verdict = decideAnswers(checked, answers, "send");
    return verdict.verdict === "refuse" ? verdict.refusal.reason : verdict.value.length;
  };
  const named = target("https://example.com/", nothingListed);
  assert.equal(answer(named, ["1.1.1.1", "2606:4700::1"]), 2);
  assert.equal(answer(named, ["1.1.1.1", "10.0.0.1"]), "address.special");
  assert.equal(answer(named, []), "dns.no-answer");
  const listed = target("http://erp.corp:80/", { internal: new Set(["erp.corp:80"]), ports: new Set() });
  assert.equal(answer(listed, ["10.0.0.1"]), 1);
  assert.equal(answer(listed, ["169.254.169.254"]), "address.special");
});
