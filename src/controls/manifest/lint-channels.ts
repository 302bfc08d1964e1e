// Control `allowlists`: a secret that signs messages is nobody's but the sender's. One that is also sent somewhere as a
// credential is known there, and whoever knows it could speak as any listed user. Pure.
import type { Finding } from "./lint.ts";
import type { Manifest } from "./schema.ts";

/** Whether the secret of the webhook channel is its own. */
export function lintChannels({ channels, agent, servers }: Manifest): Finding[] {
  const secret = channels.webhook?.secret;
  if (secret === undefined) return [];
  const sent: [string, string | undefined][] = [
    ["agent.model.credential", agent.model.credential?.slice("secret:".length)],
    ...Object.entries(servers).map(([server, { credential }]): [string, string | undefined] => [
      `servers.${server}.credential`,
      credential?.secret,
    ]),
  ];
  return sent
    .filter(([, name]) => name === secret)
    .map(([field]) => ({
      level: "error",
      field: "channels.webhook.secret",
      message: `"${secret}" is also ${field}, which is sent out: whoever receives it could sign messages; name a secret of its own`,
    }));
}
