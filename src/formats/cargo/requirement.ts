// Version requirements in the one form that the index has them in, so that two spellings of one can be compared; pure.

const OPERATORS = /^(\^|~|>=|<=|>|<|=)?\s*(.+)$/s;
const PART = "(?:0|[1-9][0-9]*)";
const FULL = new RegExp(
  `^${PART}(?:\\.${PART}(?:\\.${PART}(?:-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?(?:\\+[0-9A-Za-z-.]+)?)?)?$`,
);
const WILDCARD = new RegExp(`^${PART}(?:\\.${PART})?(?:\\.[*xX]){1,2}$`);

/** `1.0` → `^1.0`, `>= 1, < 2` → `>=1, <2`, `1.x` → `1.*`; undefined when cargo could not read it. */
export function normalRequirement(text: string): string | undefined {
  const trimmed = text.trim();
  if (/^[*xX]$/.test(trimmed)) return "*";
  const parts = trimmed.split(",").map((part) => normalComparator(part.trim()));
  return parts.some((part) => part === undefined) ? undefined : parts.join(", ");
}

function normalComparator(text: string): string | undefined {
  const [, operator, version = ""] = OPERATORS.exec(text) ?? [];
  if (WILDCARD.test(version) && version.split(".").length <= 3) {
    const wild = version.replace(/[xX]/g, "*");
    return operator === undefined || operator === "=" ? wild.replace(/(\.\*)+$/, ".*") : undefined;
  }
  // Build metadata in a requirement means nothing.
  return FULL.test(version) ? `${operator ?? "^"}${version.replace(/\+.*$/s, "")}` : undefined;
}
