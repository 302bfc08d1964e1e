// Cursor pages: `limit` and `after` in the query, the next page in `Link` (RFC 8288). The cursor is the last key that was
// shown, so a page is right whatever was added or removed before it, and nothing has to be remembered here.
import { z } from "zod";

const maxPage = 200;

export const limit = z.int().min(1).max(maxPage).default(50).describe("how many to show");

/** The items after `after` by `keyOf`, in the order of their keys. */
export function pageOf<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  { after, limit: most }: { readonly after?: string | undefined; readonly limit: number },
): { readonly page: T[]; readonly next: string | undefined } {
  const sorted = items.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const rest = sorted.filter((item) => after === undefined || keyOf(item) > after);
  const page = rest.slice(0, most);
  const last = page.at(-1);
  return { page, next: rest.length > page.length && last !== undefined ? keyOf(last) : undefined };
}
