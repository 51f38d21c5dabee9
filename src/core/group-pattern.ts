// The patterns that name package groups: their grammar and the words they are made of (spec 3.1, 3.2).
import type { PackageFormat } from "./coordinates.ts";
import { isName, isPackageFormat, PACKAGE_FORMATS } from "./coordinates.ts";
import type { Fault } from "./faults.ts";
import { invalid } from "./faults.ts";

export const ROOT_PATTERN = "/*";

/** `*` every value, `~` a prefix that ends where a word ends, `$` the whole name (spec 3.1.3). */
export type Suffix = "*" | "~" | "$";

export interface GroupPattern {
  readonly prefix: string;
  readonly suffix: Suffix;
}

/** Which formats have namespaces (spec 1.5.3). */
export const NAMESPACES: Readonly<Record<PackageFormat, "none" | "optional" | "required">> = {
  npm: "optional",
  pypi: "none",
  maven: "required",
  nuget: "none",
  generic: "required",
  ruby: "none",
  swift: "required",
  cargo: "none",
};

/** Takes a pattern apart that `checkPattern` has passed. */
export function splitPattern(pattern: string): GroupPattern {
  return { prefix: pattern.slice(0, -1), suffix: pattern.slice(-1) as Suffix };
}

/**
 * Words and single characters between them (spec 3.2.1). A `~` ends a token and a `*` follows one, so to match is to
 * begin with the same tokens.
 */
export function tokensOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*|[\s\S]/gu) ?? [];
}

/** Throws ValidationException that says what is wrong and what would be right (spec 3.1). */
export function checkPattern(pattern: string): GroupPattern {
  const fault = faultIn(pattern);
  if (fault !== undefined) throw refuse(pattern, fault);
  return splitPattern(pattern);
}

function refuse(pattern: string, why: string): Fault {
  return invalid(`'${pattern}' is not a package group pattern: ${why}`);
}

function faultIn(pattern: string): string | undefined {
  if (pattern === ROOT_PATTERN) return undefined;
  if (!pattern.startsWith("/")) return "it must start with '/', as in '/npm/*'.";
  if (!/[*~$]$/.test(pattern))
    return "it must end with '*' (everything), '~' (names starting with that word) or '$' (exactly that name).";
  const { prefix, suffix } = splitPattern(pattern);
  const [format = "", ...names] = prefix.slice(1).split("/");
  if (!isPackageFormat(format)) return formatFault(format);
  const [first, second] = names;
  if (first === undefined) return `after the format comes a '/': '/${format}/*' is the whole format.`;
  if (names.length > 2) return "it has more parts than /format/namespace/name.";
  if (second === undefined) return namespacePrefixFault(format, first, suffix);
  return namespaceFault(format, first) ?? partFault(second, suffix) ?? spellingFault(format, first, second);
}

function formatFault(format: string): string {
  if (format === "python") return "the format of Python packages is 'pypi'.";
  return `it must start with a format, one of ${PACKAGE_FORMATS.join(", ")}, and a '/'.`;
}

/** `/npm/*`, or the beginning of a namespace with any name after it. */
function namespacePrefixFault(format: PackageFormat, namespace: string, suffix: Suffix): string | undefined {
  if (namespace === "") return suffix === "*" ? undefined : `only '*' may follow '/${format}/'.`;
  if (NAMESPACES[format] === "none") {
    return `packages of format ${format} have no namespace: leave it empty, as in '/${format}//${namespace}${suffix}'.`;
  }
  if (suffix === "$")
    return `'$' closes a package's name, as in '/${format}/${namespace}/name$'; '/${format}/${namespace}/*' is the whole namespace.`;
  return partFault(namespace, suffix) ?? spellingFault(format, namespace, "");
}

function namespaceFault(format: PackageFormat, namespace: string): string | undefined {
  const rule = NAMESPACES[format];
  if (rule === "none" && namespace !== "")
    return `packages of format ${format} have no namespace: leave it empty, as in '/${format}//name$'.`;
  if (rule === "required" && namespace === "")
    return `packages of format ${format} have a namespace, which must not be empty.`;
  return namespace === "" || isName(namespace) ? undefined : badName(namespace);
}

function badName(text: string): string {
  return `'${text}' cannot be part of a name: names have 1 to 255 characters, none of them '#' or white space.`;
}

/** Spec 3.1.4: `~` only where a word ends, `*` only where none is cut. */
function partFault(part: string, suffix: Suffix): string | undefined {
  if (part === "") return suffix === "*" ? undefined : `only '*' may follow a '/'.`;
  if (!isName(part)) return badName(part);
  const endsInWord = /[\p{L}\p{N}]\p{M}*$/u.test(part);
  if (suffix === "~" && !endsInWord) return `'~' follows a letter or digit; after '${part}' write '*'.`;
  if (suffix === "*" && endsInWord)
    return `'*' would cut a word; write '${part}~' for names starting with that word, or '${part}$' for exactly that one.`;
  return undefined;
}

/** A pattern that no stored name can match literally would guard nothing: refused rather than kept (spec 3.1.6). */
function spellingFault(format: PackageFormat, namespace: string, name: string): string | undefined {
  if (format === "npm" && namespace.startsWith("@"))
    return `the namespace of npm packages is the scope without '@': '${namespace.slice(1)}'.`;
  for (const part of [namespace, name]) {
    const normal = normalize(format, part);
    if (normal !== part)
      return `${format} names are matched in their normalised form: '${normal}', not '${part}'.`;
  }
  return undefined;
}

/** A name or namespace, or a pattern of them, as packages of the format are stored (spec 1.5.6). */
export function normalize(format: PackageFormat, part: string): string {
  if (format === "pypi") return part.toLowerCase().replace(/[-_.]+/g, "-");
  return format === "nuget" || format === "swift" ? part.toLowerCase() : part;
}
