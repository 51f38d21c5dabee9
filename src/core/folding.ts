// Folding: what two names have in common when people take one for the other (spec 3.4.2; docs/folding.md).
import { LOOK_ALIKES, LOOK_ALIKES_VERSION } from "./look-alikes.gen.ts";

/** Names the rules below together with their table; raise the first number when a rule changes. */
export const FOLDING_VERSION = `1/${LOOK_ALIKES_VERSION}`;

const SKELETON = new Map(
  LOOK_ALIKES.flatMap(([plain, taken]) => Array.from(taken, (c) => [c, plain] as const)),
);

/**
 * The one or two folded readings of a text. Two names are look-alikes when they agree in the first or in the second:
 * look-alikes of the lower-case form (Cyrillic `асме` for `ACME`), and the lower-case form of the look-alikes (`acmeI`,
 * with a capital i, for `acmel`). Neither alone finds both without also taking every `i` for an `l`. A slash stays
 * where it is and none is added, so a path keeps its segments. Linear time.
 */
export function readings(text: string): readonly string[] {
  const visible = text.replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  const lower = caseFold(visible);
  const first = finish(skeleton(lower));
  return lower === visible ? [first] : [first, finish(skeleton(visible))];
}

/** By way of upper case, so that ẞ, ß and ss meet; the final sigma would be told from the others. */
function caseFold(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

/** Twice, since normalising can bring forth a look-alike, and some look-alikes are lost by normalising. */
function skeleton(text: string): string {
  return mapLookAlikes(mapLookAlikes(text).replace(/[^/]+/g, normalizeSegment));
}

/** Some characters, such as `℀`, hold a slash: it must not become one that parts a path. */
function normalizeSegment(segment: string): string {
  return segment.normalize("NFKD").replaceAll("/", "\u2044");
}

function mapLookAlikes(text: string): string {
  let mapped = "";
  for (const c of text) mapped += SKELETON.get(c) ?? c;
  return mapped;
}

/** Runs of separators become one full stop; they are equated, never dropped. */
function finish(text: string): string {
  return caseFold(text).replace(/[-._]+/g, ".");
}
