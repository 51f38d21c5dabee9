// npm, pnpm, bun, deno and yarn 1 read .npmrc; yarn 2 and later reads .yarnrc.yml.
import { join } from "node:path";
import { npmrc } from "../syntax/ini.ts";
import type { Plan, Setting, Site, Tool } from "../tool.ts";
import { ONE_INDEX, readIfThere, withoutScheme } from "../tool.ts";

/** The user's own file: where npm's variable says, else in HOME. */
function userNpmrc({ around: { env, home } }: Site): string {
  return env.NPM_CONFIG_USERCONFIG || env.npm_config_userconfig || join(home, ".npmrc");
}

/** `variableFile`: where a reference to a variable is understood. */
function npmrcSettings(site: Site, user: string, variableFile?: string): Setting[] {
  const { url, scope, project, variable, token, around } = site;
  const shared = project ? join(around.cwd, ".npmrc") : user;
  const registry = scope === undefined ? "registry" : `@${scope}:registry`;
  const key = `${withoutScheme(url)}:_authToken`;
  return [
    { file: shared, syntax: "npmrc", path: [registry], value: url },
    variable === undefined
      ? { file: user, syntax: "npmrc", path: [key], value: token, secret: true }
      : { file: variableFile ?? shared, syntax: "npmrc", path: [key], value: `\${${variable}}` },
  ];
}

function notes(site: Site): string[] {
  const where =
    site.scope === undefined
      ? ONE_INDEX
      : `Packages of @${site.scope} come from this repository and are published to it; all others as before.`;
  const nearer = join(site.around.cwd, ".npmrc");
  const own =
    site.project || nearer === userNpmrc(site) ? undefined : npmrc.get(readIfThere(nearer), ["registry"]);
  if (own !== undefined && site.scope === undefined)
    return [where, `Careful: ${nearer} names another registry, and wins in this folder.`];
  return site.variable === undefined ? [where] : [where, `Set ${site.variable} to a token where it runs.`];
}

function npmLike(name: string): Tool {
  return {
    name,
    format: "npm",
    takes: ["scope", "project", "variable"],
    beatenBy: ["npm_config_registry", "NPM_CONFIG_REGISTRY", "YARN_REGISTRY", "YARN_NPM_REGISTRY_SERVER"],
    instead: { extra: "use --scope @NAME: then only that scope comes from this repository" },
    plan: (site) => ({ settings: npmrcSettings(site, userNpmrc(site)), notes: notes(site) }),
  };
}

/** Yarn 1 sends its token for packages without a scope only where it is told to. */
function classicSettings(site: Site): Setting[] {
  const settings = npmrcSettings(site, userNpmrc(site));
  const { file } = settings[1] as Setting;
  return [
    ...settings,
    { file, syntax: "npmrc", path: [`${withoutScheme(site.url)}:always-auth`], value: "true" },
  ];
}

function berrySettings(site: Site): Setting[] {
  const { url, scope, project, variable, token, around } = site;
  const name = around.env.YARN_RC_FILENAME || ".yarnrc.yml";
  const user = join(around.home, name);
  const shared = project ? join(around.cwd, name) : user;
  const server = url.replace(/\/$/, "");
  const entry = ["npmRegistries", withoutScheme(server)];
  const registry = scope === undefined ? ["npmRegistryServer"] : ["npmScopes", scope, "npmRegistryServer"];
  const settings: Setting[] = [
    { file: shared, syntax: "yaml", path: registry, value: server },
    { file: shared, syntax: "yaml", path: [...entry, "npmAlwaysAuth"], value: true },
    variable === undefined
      ? { file: user, syntax: "yaml", path: [...entry, "npmAuthToken"], value: token, secret: true }
      : // Without the dash, every command fails where the variable is not set.
        { file: shared, syntax: "yaml", path: [...entry, "npmAuthToken"], value: `\${${variable}:-}` },
  ];
  if (url.startsWith("http:"))
    settings.push({
      file: shared,
      syntax: "yaml",
      path: ["unsafeHttpWhitelist"],
      value: new URL(url).hostname,
      member: true,
    });
  return settings;
}

function yarn(name: string, settings: (site: Site) => Setting[]): Tool {
  return { ...npmLike(name), plan: (site): Plan => ({ settings: settings(site), notes: notes(site) }) };
}

const bun: Tool = {
  ...npmLike("bun"),
  plan(site) {
    // bun looks in HOME alone, whatever npm's variable says.
    return { settings: npmrcSettings(site, join(site.around.home, ".npmrc")), notes: notes(site) };
  },
};

const pnpm: Tool = {
  ...npmLike("pnpm"),
  plan(site) {
    // pnpm reads variables in the user's file alone: a project's could send them anywhere.
    const user = userNpmrc(site);
    return { settings: npmrcSettings(site, user, user), notes: notes(site) };
  },
};

export const npmTools: readonly Tool[] = [
  npmLike("npm"),
  pnpm,
  yarn("yarn", (site) => [...classicSettings(site), ...berrySettings(site)]),
  yarn("yarn-classic", classicSettings),
  yarn("yarn-berry", berrySettings),
  bun,
  npmLike("deno"),
];
