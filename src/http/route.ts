// Routing on the raw request target: split first, decode each segment exactly once, refuse what could be read two ways.
import { Fault, invalid } from "../core/faults.ts";

/** The path's segments, decoded once each; the raw query string without its `?`. */
export interface Target {
  readonly segments: readonly string[];
  readonly query: string;
}

/**
 * Splits a raw request target. A segment may decode to text with a `/` in it (npm's `@scope%2fname`), but never to
 * `.` or `..` (also not between such slashes), a NUL or another control character, or a backslash: 400, so that no two
 * readers of a path can disagree (threats A). A trailing slash leaves an empty last segment.
 */
export function parseTarget(raw: string): Target {
  const mark = raw.indexOf("?");
  const path = mark < 0 ? raw : raw.slice(0, mark);
  if (path.charCodeAt(0) !== 47)
    throw invalid("The request target must be a path that starts with '/'.", "CANNOT_PARSE");
  const segments = path.slice(1).split("/");
  for (let i = 0; i < segments.length; i++) segments[i] = decodeSegment(segments[i] as string);
  return { segments, query: mark < 0 ? "" : raw.slice(mark + 1) };
}

const PLAIN = /^[A-Za-z0-9_@~!$&'()*+,;=:-][A-Za-z0-9._@~!$&'()*+,;=:-]*$/;

function decodeSegment(raw: string): string {
  if (PLAIN.test(raw) || raw === "") return raw;
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch {
    throw invalid(
      `The path segment '${raw.slice(0, 100)}' is not valid percent-encoded UTF-8.`,
      "CANNOT_PARSE",
    );
  }
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  if (/[\u0000-\u001f\u007f\\]/.test(text) || text.split("/").some((part) => part === "." || part === "..")) {
    throw invalid(
      `The path segment '${raw.slice(0, 100)}' is refused: it holds a dot segment, a control character or a backslash.`,
      "CANNOT_PARSE",
    );
  }
  return text;
}

/** A route's pattern: literal segments and `:name` parameters, e.g. `/:name/-/:file`. A prefix such as `@:scope` keeps its literal start. */
export interface Route<H> {
  readonly method: string;
  readonly pattern: string;
  readonly handler: H;
}

export interface Match<H> {
  readonly handler: H;
  readonly params: Readonly<Record<string, string>>;
}

interface Compiled<H> {
  readonly parts: readonly { readonly prefix: string; readonly param?: string }[];
  readonly methods: Map<string, H>;
}

/** First pattern that fits wins, in the order given; then its methods. HEAD falls back to GET. */
export class Router<H> {
  readonly #byLength = new Map<number, Compiled<H>[]>();

  constructor(routes: readonly Route<H>[]) {
    const known = new Map<string, Compiled<H>>();
    for (const { method, pattern, handler } of routes) {
      let compiled = known.get(pattern);
      if (compiled === undefined) {
        compiled = { parts: pattern.slice(1).split("/").map(compilePart), methods: new Map() };
        known.set(pattern, compiled);
        const same = this.#byLength.get(compiled.parts.length);
        if (same) same.push(compiled);
        else this.#byLength.set(compiled.parts.length, [compiled]);
      }
      compiled.methods.set(method, handler);
    }
  }

  /** Undefined when no pattern fits; throws MethodNotAllowed with the methods that would do. */
  match(method: string, segments: readonly string[]): Match<H> | undefined {
    const allowed = new Set<string>();
    for (const route of this.#byLength.get(segments.length) ?? []) {
      const params = matchParts(route.parts, segments);
      if (params === undefined) continue;
      const handler = route.methods.get(method) ?? (method === "HEAD" ? route.methods.get("GET") : undefined);
      if (handler !== undefined) return { handler, params };
      for (const known of route.methods.keys()) allowed.add(known);
    }
    if (allowed.size === 0) return undefined;
    if (allowed.has("GET")) allowed.add("HEAD");
    const allow = [...allowed].sort();
    throw new Fault("MethodNotAllowed", `${method} is not possible here; use ${allow.join(" or ")}.`, {
      allow,
    });
  }
}

function compilePart(part: string): { prefix: string; param?: string } {
  const colon = part.indexOf(":");
  return colon < 0 ? { prefix: part } : { prefix: part.slice(0, colon), param: part.slice(colon + 1) };
}

function matchParts(
  parts: Compiled<unknown>["parts"],
  segments: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Compiled<unknown>["parts"][number];
    const segment = segments[i] as string;
    if (part.param === undefined) {
      if (segment !== part.prefix) return undefined;
    } else {
      if (segment.length <= part.prefix.length || !segment.startsWith(part.prefix)) return undefined;
      params[part.param] = segment.slice(part.prefix.length);
    }
  }
  return params;
}
