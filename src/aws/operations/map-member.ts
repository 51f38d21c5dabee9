// Maps as the API's answers carry them.

/** A null-prototype object: a version may be called anything, `__proto__` too. */
export function mapMember<T>(map: ReadonlyMap<string, T>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(map));
}
