// gem and bundler: sources and keys of RubyGems, mirror and credentials of Bundler.
import { join } from "node:path";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { configHome, dataHome, isFile, ONE_INDEX, TWO_INDEXES, withPassword } from "../tool.ts";

/** As RubyGems looks: the old place where there is one, else the XDG one. */
function gemrc(around: Around): string {
  const xdg = join(configHome(around), "gem", "gemrc");
  const old = join(around.home, ".gemrc");
  return !isFile(old) && isFile(xdg) ? xdg : old;
}

function gemCredentials(around: Around): string {
  const xdg = join(dataHome(around), "gem", "credentials");
  const old = join(around.home, ".gem", "credentials");
  return !isFile(old) && isFile(xdg) ? xdg : old;
}

function gemPlan({ url, name, extra, token, around }: Site): Plan {
  const source = withPassword(url, token);
  const sources = { file: gemrc(around), syntax: "yaml", path: [":sources"], secret: true } as const;
  const settings: Setting[] = [
    extra ? { ...sources, value: source, member: true } : { ...sources, value: [source] },
    {
      file: gemCredentials(around),
      syntax: "yaml",
      path: [`:${name}`],
      value: `Bearer ${token}`,
      secret: true,
    },
  ];
  const push = `Push with: gem push X.gem --key ${name} --host ${url.replace(/\/$/, "")}`;
  return { settings, notes: [extra ? TWO_INDEXES : ONE_INDEX, push] };
}

const gem: Tool = {
  name: "gem",
  format: "ruby",
  takes: ["extra"],
  beatenBy: ["GEM_HOST_API_KEY"],
  instead: {
    project: "gem has settings per user only; use bundler in projects",
    variable: "gem reads no variables in its files; GEM_HOST_API_KEY='Bearer TOKEN' serves gem push",
  },
  plan: gemPlan,
};

function bundleFile({ env, home }: Around): string {
  return env.BUNDLE_USER_CONFIG || join(env.BUNDLE_USER_HOME || join(home, ".bundle"), "config");
}

/** How Bundler writes a setting's name: dots and dashes doubled and tripled, in capitals. */
function bundleKey(key: string): string {
  return `BUNDLE_${key.replaceAll(".", "__").replaceAll("-", "___").toUpperCase()}`;
}

function bundlerPlan({ url, extra, project, token, around }: Site): Plan {
  const user = bundleFile(around);
  const shared = project ? join(around.cwd, ".bundle", "config") : user;
  const settings: Setting[] = [
    { file: user, syntax: "yaml", path: [bundleKey(url)], value: `aws:${token}`, secret: true },
  ];
  if (!extra) settings.unshift({ file: shared, syntax: "yaml", path: [bundleKey("mirror.all")], value: url });
  const notes = extra
    ? [`Name it in the Gemfile, with the gems that come from it: source "${url}" do … end`]
    : [`Every source of a Gemfile means this repository now (mirror.all). ${ONE_INDEX}`];
  return { settings, notes };
}

const bundler: Tool = {
  name: "bundler",
  format: "ruby",
  takes: ["extra", "project"],
  beatenBy: ["BUNDLE_MIRROR__ALL"],
  instead: { variable: "Bundler reads the variable that 'bundle config' names; set BUNDLE_<HOST>=aws:TOKEN" },
  plan: bundlerPlan,
};

export const rubyTools: readonly Tool[] = [gem, bundler];
