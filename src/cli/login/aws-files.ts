// AWS's shared files: ~/.aws/config and ~/.aws/credentials, profile by profile.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Around } from "./tool.ts";
import { LoginError } from "./tool.ts";

export type Profile = Readonly<Record<string, string>>;

function sections(file: string): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>();
  if (!existsSync(file)) return found;
  let current: Record<string, string> | undefined;
  for (const line of readFileSync(file, "utf8")
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)) {
    const header = /^\s*\[\s*(?:profile\s+)?([^\]]+?)\s*\]/.exec(line)?.[1];
    const [, key, value] = /^([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (header !== undefined) {
      current = found.get(header) ?? {};
      found.set(header, current);
    } else if (current !== undefined && key !== undefined && value !== undefined)
      current[key.toLowerCase()] = value;
  }
  return found;
}

/** A profile of both files, the credentials file winning. Throws where a profile asked for by name is nowhere. */
export function readProfile(
  { env, home }: Around,
  name: string | undefined,
  credentials: string | undefined,
): Profile {
  const wanted = name ?? env.AWS_PROFILE ?? "default";
  const files = [
    credentials ?? env.AWS_SHARED_CREDENTIALS_FILE ?? join(home, ".aws", "credentials"),
    env.AWS_CONFIG_FILE ?? join(home, ".aws", "config"),
  ];
  if (credentials !== undefined && !existsSync(credentials))
    throw new LoginError(`there is no file ${credentials}`);
  const found = files.map((file) => sections(file).get(wanted));
  if (found.every((each) => each === undefined)) {
    if (name !== undefined || env.AWS_PROFILE)
      throw new LoginError(`there is no profile '${wanted}' in ${files.join(" or ")}`);
    return {};
  }
  return { ...found[1], ...found[0] };
}
