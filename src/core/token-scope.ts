// Tokens for less than their principal may do: one repository, only reading or publishing, some packages.
import type { TokenScope } from "./caller.ts";
import type { PackageKey } from "./coordinates.ts";
import { matchesGlob } from "./policy-text.ts";

const PUBLISHING = new Set(["PublishPackageVersion", "PutPackageMetadata"]);

/**
 * What the scope is limited to, if that leaves the question out; undefined when the scope allows it. `key`: the package
 * that is asked about, null for none, undefined for possibly all.
 */
export function scopeRefusal(
  scope: TokenScope,
  action: string,
  repository: string,
  key: PackageKey | null | undefined,
): string | undefined {
  if (scope.repository !== undefined && scope.repository !== repository)
    return `the repository '${scope.repository}'`;
  if (scope.actions !== undefined && !scope.actions.some((kind) => isOf(kind, action)))
    return scope.actions.map((kind) => (kind === "read" ? "reading" : "publishing")).join(" and ");
  if (scope.packages === undefined || key === null) return undefined;
  const path = key && scopePath(key);
  if (path !== undefined && scope.packages.some((pattern) => matchesGlob(pattern, path))) return undefined;
  return `packages matching ${scope.packages.map((pattern) => `'${pattern}'`).join(" or ")}`;
}

function isOf(kind: "read" | "publish", action: string): boolean {
  // Clients read before they publish: npm fetches the document, NuGet the index (spec 6.3.2).
  return action === "ReadFromRepository" || (kind === "read" ? isRead(action) : PUBLISHING.has(action));
}

function isRead(action: string): boolean {
  return /^(Get|List|Describe|Read)/.test(action) && !action.endsWith("Policy");
}

/** `npm/@acme/ui`, `npm/left-pad`, `maven/org.acme/core`: as people write it, npm's scope with its `@`. */
export function scopePath({ format, namespace, name }: PackageKey): string {
  if (namespace === "") return `${format}/${name}`;
  return `${format}/${format === "npm" ? "@" : ""}${namespace}/${name}`;
}
