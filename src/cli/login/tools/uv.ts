// uv: a named index in uv.toml, in place of the default one or beside it.
import { join } from "node:path";
import { parse } from "smol-toml";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { configHome, envName, isFile, ONE_INDEX, readIfThere, withPassword } from "../tool.ts";
import { keyringShim } from "./keyring.ts";

function userFile(around: Around): string {
  const { env, home, platform } = around;
  if (env.UV_CONFIG_FILE) return env.UV_CONFIG_FILE;
  const folder = platform === "win32" ? env.APPDATA || join(home, "AppData", "Roaming") : configHome(around);
  return join(folder, "uv", "uv.toml");
}

/** uv.toml wins over pyproject.toml where both are. */
function projectFile({ cwd }: Around): { file: string; root: string[] } {
  const own = join(cwd, "uv.toml");
  const shared = join(cwd, "pyproject.toml");
  return !isFile(own) && isFile(shared) ? { file: shared, root: ["tool", "uv"] } : { file: own, root: [] };
}

interface Index {
  readonly name?: string;
  readonly url?: string;
  readonly default?: boolean;
}

/** There may be one default index: those of before stay, but no longer as the default. */
function otherDefaults(file: string, root: readonly string[], name: string): Setting[] {
  let indexes: unknown;
  try {
    const document: unknown = parse(readIfThere(file));
    indexes = [...root, "index"].reduce<unknown>(
      (node, key) => (node as Record<string, unknown> | undefined)?.[key],
      document,
    );
  } catch {
    return []; // said when it is edited
  }
  if (!Array.isArray(indexes)) return [];
  return (indexes as Index[])
    .filter((index) => index.default !== undefined && index.name !== name)
    .map((index) => {
      const which = index.name === undefined ? `index[url=${index.url}]` : `index[name=${index.name}]`;
      return { file, syntax: "toml", path: [...root, which, "default"], value: false };
    });
}

function indexSettings(
  site: Site,
  file: string,
  root: readonly string[],
  password: string | undefined | null,
): Setting[] {
  const { url, name, extra } = site;
  const own = (key: string) => [...root, `index[name=${name}]`, key];
  const secret = typeof password === "string";
  const at = (address: string) => (password === null ? address : withPassword(address, password));
  return [
    ...(extra ? [] : otherDefaults(file, root, name)),
    { file, syntax: "toml", path: own("url"), value: at(`${url}simple/`), secret },
    { file, syntax: "toml", path: own("publish-url"), value: at(url), secret },
    ...(extra ? [] : [{ file, syntax: "toml", path: own("default"), value: true } as const]),
  ];
}

function plan(site: Site): Plan {
  const { name, helper, variable, token, around } = site;
  const notes = [
    site.extra
      ? `uv looks in '${name}' first and takes a package from the first index that has it; what it has not comes from the default index. Without --extra, everything comes through this repository.`
      : ONE_INDEX,
    `Publish with: uv publish --index ${name}`,
  ];
  const user = userFile(around);
  const settings: Setting[] = [];
  const password = variable !== undefined ? null : helper ? undefined : token;
  if (site.project) {
    const { file, root } = projectFile(around);
    settings.push(...indexSettings(site, file, root, helper ? undefined : null));
  }
  if (!site.project || typeof password === "string")
    settings.push(...indexSettings(site, user, [], password));
  if (helper)
    settings.push(
      { file: user, syntax: "toml", path: ["keyring-provider"], value: "subprocess" },
      keyringShim(around),
    );
  if (variable !== undefined)
    notes.push(
      `Set UV_INDEX_${envName(name)}_USERNAME=aws and UV_INDEX_${envName(name)}_PASSWORD to a token where it runs.`,
    );
  return { settings, notes };
}

export const uv: Tool = {
  name: "uv",
  format: "pypi",
  takes: ["extra", "project", "variable", "helper"],
  beatenBy: ["UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_NO_CONFIG"],
  plan,
};
