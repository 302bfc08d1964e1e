// Control `redeploys`: a release is one immutable version of a deployment file with everything it names. What runs is
// what was hashed: the supervisor, the broker and the gate all receive this one value and none reads the file again.
import { z } from "zod";
import { manifestSchema } from "./schema.ts";
import { line } from "./shapes.ts";

/** An overlay's bytes at most; eight of them are read. */
export const maxOverlayBytes = 65_536;

const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

export const releaseSchema = z.strictObject({
  v: z.literal(1),
  /** SHA-256 over the canonical JSON of all other members. */
  release: sha256Hex,
  manifest: manifestSchema,
  /** Text of the instructions file. */
  instructions: z.string().max(100_000),
  /** Text of the Cedar policies; null when the file names none. */
  policy: z.string().max(262_144).nullable(),
  /** Absolute path of each record view's SQLite file. */
  recordFiles: z.record(z.string(), z.string()),
  /** Where the file names overlays: itself as it was before them, and their texts in order. `manifest` is what follows. */
  overlaid: z
    .strictObject({
      base: manifestSchema,
      files: z
        .array(z.strictObject({ file: line(1024), text: z.string().max(maxOverlayBytes) }))
        .min(1)
        .max(8),
    })
    .optional(),
});

export type Release = z.infer<typeof releaseSchema>;
