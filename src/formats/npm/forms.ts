// Which of npm's two forms of a package's document a client wants.
import { parseQualities, remembered } from "../headers.ts";
import type { Form } from "./packument-text.ts";

export const BRIEF_TYPE = "application/vnd.npm.install-v1+json";

/** The abbreviated form only for who names it, and likes it no less than plain JSON (RFC 9110, 12.5.1). */
const formOf = remembered((accept: string): Form => {
  const qualities = parseQualities(accept);
  const brief = qualities.get(BRIEF_TYPE) ?? 0;
  const full = qualities.get("application/json") ?? 0;
  return brief > 0 && brief >= full ? "brief" : "full";
});

export function wantsForm(accept: string | undefined): Form {
  return accept === undefined ? "full" : formOf(accept);
}
