// What a generic package and its files may be called (spec 1.1, 8.6.1).
import type { PackageKey } from "../../core/coordinates.ts";
import { isName } from "../../core/coordinates.ts";
import { type Fault, invalid } from "../../core/faults.ts";

/** Letters, letter-like and decimal numbers, single spaces between other characters, and these signs. */
const ASSET_NAME =
  /^(?! )(?!.* {2})(?!.* $)[\p{Ll}\p{Lm}\p{Lo}\p{Lt}\p{Lu}\p{Nl}\p{Nd} ~!@^&()\-`_+[\]{};,.]+$/u;
const ASSET_NAME_MAX = 255;

/** Throws ValidationException for a name that no generic asset can have. */
export function checkAssetName(name: string): void {
  if (name !== "." && name !== ".." && [...name].length <= ASSET_NAME_MAX && ASSET_NAME.test(name)) return;
  throw invalid(
    `'${name.slice(0, 300)}' cannot be the name of a generic asset: up to ${ASSET_NAME_MAX} Unicode letters and numbers, single spaces between them, and the signs ~!@^&()-\`_+[]{};,. make one; '.' and '..' do not.`,
  );
}

/** Throws ValidationException unless all three can be what they are asked to be. */
export function checkNames(namespace: string, name: string, version?: string): PackageKey {
  if (!isName(namespace)) throw unfit("namespace", namespace);
  if (!isName(name)) throw unfit("package", name);
  if (version !== undefined && !isName(version)) throw unfit("version", version);
  return { format: "generic", namespace, name };
}

function unfit(what: string, text: string): Fault {
  return invalid(
    `'${text.slice(0, 300)}' cannot be a ${what}: it has 1 to 255 characters, without '/', '#' and white space.`,
  );
}
