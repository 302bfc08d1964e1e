// Control `schemas`: asks a schema about a value that somebody else wrote, and never throws. zod compares the `length` of a
// value that it already knows to be of another type, and an attacker's `{"length":{"toString":1}}` cannot be compared: thrown
// in a parser, that would be a fault of ours in place of a refusal.
import { z } from "zod";

/** As `schema.safeParse(value)`; what a schema cannot even look at is refused as a whole. */
export function parseSafely<T extends z.ZodType>(schema: T, value: unknown): z.ZodSafeParseResult<z.infer<T>> {
  try {
    return schema.safeParse(value);
  } catch {
    const message = "holds a member that is not what it is named after, such as a length that is no number";
    const error = new z.ZodError([{ code: "custom", path: [], message, input: undefined }]);
    return { success: false, error: error as z.ZodError<z.infer<T>> };
  }
}
