// The demo's scenes, in the order in which they are played, under headings in plain words.
import type { Scene } from "./demo-scene.ts";
import { noticePublished, privilegedTwo, selfApproval } from "./demo-scenes/access-people.ts";
import { honestGrant, lockOut, offboarding, poisonedRequest } from "./demo-scenes/access.ts";
import { approvalExpired, approvalReplayed, argumentsChanged, denied } from "./demo-scenes/approvals.ts";
import { frozen } from "./demo-scenes/frozen.ts";
import { honestInvoice, poisonedInvoice } from "./demo-scenes/invoices.ts";
import { forgedHistory } from "./demo-scenes/messages.ts";
import { rolledBack } from "./demo-scenes/releases.ts";
import { twoPerson } from "./demo-scenes/two-person.ts";
import { rateLimited, unlistedSender } from "./demo-scenes/senders.ts";
import { changedTool, overLimit, unknownTool } from "./demo-scenes/tools.ts";

export interface SceneGroup {
  readonly heading: string;
  readonly scenes: readonly Scene[];
}

export const sceneGroups: readonly SceneGroup[] = [
  { heading: "The clerk at work", scenes: [honestInvoice, poisonedInvoice] },
  {
    heading: "A person's yes and no",
    scenes: [denied, approvalReplayed, argumentsChanged, approvalExpired, twoPerson],
  },
  { heading: "What the agent cannot do at all", scenes: [unknownTool, overLimit, changedTool] },
  { heading: "What comes in", scenes: [unlistedSender, rateLimited, forgedHistory] },
  { heading: "What the operator can take back", scenes: [rolledBack, frozen] },
  {
    heading: "The second desk: who is let in",
    scenes: [honestGrant, poisonedRequest, selfApproval, privilegedTwo, noticePublished, offboarding, lockOut],
  },
];
