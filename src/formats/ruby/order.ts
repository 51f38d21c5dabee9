// RubyGems' order of version numbers (Gem::Version); pure.

/** Negative when `a` comes first. Letters come before numbers: `1.0.rc1` is before `1.0`. */
export function compareNumbers(a: string, b: string): number {
  const left = segmentsOf(a);
  const right = segmentsOf(b);
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const order = compareSegments(left[i] ?? 0n, right[i] ?? 0n);
    if (order !== 0) return order;
  }
  return 0;
}

function compareSegments(a: bigint | string, b: bigint | string): number {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "string" ? -1 : 1;
}

function segmentsOf(number: string): (bigint | string)[] {
  return (number.match(/[0-9]+|[A-Za-z]+/g) ?? []).map((part) => (/^[0-9]/.test(part) ? BigInt(part) : part));
}
