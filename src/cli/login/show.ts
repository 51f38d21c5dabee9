// How changes are told: file by file, setting by setting, and never a secret.
import type { Change } from "./apply.ts";
import { sameValue, type Value } from "./syntax/syntax.ts";

const MASK = "***";

/** `token` is what was written now; of older values it is not known what is secret, so more is masked. */
export function describeChanges(changes: readonly Change[], token: string): string {
  const files = [...new Set(changes.map(({ file }) => file))];
  return files
    .map((file) => {
      const lines = changes
        .filter((change) => change.file === file)
        .map((change) => `  ${describe(change, token)}`);
      return `${file}\n${lines.join("\n")}\n`;
    })
    .join("");
}

function describe(change: Change, token: string): string {
  const { before, after, kept, secret, item } = change;
  const name = nameOf(change);
  const shown = (value: Value | undefined) => (value === undefined ? "" : mask(value, secret, token));
  if (kept !== undefined) return `= ${name}: ${kept}`;
  if (sameValue(before, after))
    return `= ${name} = ${item === undefined ? shown(after) : `… ${shown(item)}`}`;
  if (item !== undefined) return `+ ${name} = … ${shown(item)}`;
  if (before === undefined) return `+ ${name} = ${shown(after)}`;
  if (after === undefined) return `- ${name} (was ${mask(before, secret, token)})`;
  return `~ ${name} = ${shown(after)} (was ${mask(before, secret, token)})`;
}

function nameOf({ syntax, path }: Change): string {
  if (syntax === "configparser") return `[${path[0]}] ${path[1]}`;
  if (syntax === "netrc") return `machine ${path[0]} ${path[1]}`;
  return path.map((segment) => segment.replace(/^[\^*]/, "")).join(syntax === "xml" ? "/" : " ");
}

function mask(value: Value, secret: boolean, token: string): string {
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "string") return `[${value.map((item) => mask(item, secret, token)).join(", ")}]`;
  const text =
    token === "" ? value : value.replaceAll(token, MASK).replaceAll(encodeURIComponent(token), MASK);
  const bare = text
    .replace(/(\/\/[^/\s:@]*):[^/\s@]*@/g, `$1:${MASK}@`)
    .replace(/\/\/(?!aws@)[^/\s:@]+@/g, `//${MASK}@`);
  if (bare.includes("\n")) return `\n${bare.trimEnd().replace(/^/gm, "      | ")}`;
  // An address without its password may be read; any other value of a secret setting may not.
  return secret && !bare.includes(MASK) && !/^(https?:\/\/|sparse\+)/.test(bare) && !PLAIN.test(bare)
    ? MASK
    : bare;
}

/** Values that logins write and that tell nothing. */
const PLAIN = /^(aws|token|true|false|\d|central|subprocess|primary|supplemental|cargo:token)$/;
