// poetry: repository and password by name in its own folder; the source belongs into the project.
import { join } from "node:path";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { configHome, envName, TWO_INDEXES } from "../tool.ts";

function folder(around: Around): string {
  const { env, home, platform } = around;
  if (env.POETRY_CONFIG_DIR) return env.POETRY_CONFIG_DIR;
  if (platform === "darwin") return join(home, "Library", "Application Support", "pypoetry");
  if (platform === "win32") return join(env.APPDATA || join(home, "AppData", "Roaming"), "pypoetry");
  return join(configHome(around), "pypoetry");
}

function plan(site: Site): Plan {
  const { url, name, variable, around, extra } = site;
  const config = join(folder(around), "config.toml");
  const auth = join(folder(around), "auth.toml");
  const project = join(around.cwd, "pyproject.toml");
  const priority = extra ? "supplemental" : "primary";
  const source = (key: string) => ["tool", "poetry", `source[name=${name}]`, key];
  const settings: Setting[] = [
    { file: config, syntax: "toml", path: ["repositories", name, "url"], value: url },
  ];
  if (variable === undefined)
    settings.push(
      { file: auth, syntax: "toml", path: ["http-basic", name, "username"], value: "aws" },
      { file: auth, syntax: "toml", path: ["http-basic", name, "password"], value: site.token, secret: true },
    );
  if (site.project)
    settings.push(
      { file: project, syntax: "toml", path: source("url"), value: `${url}simple/` },
      { file: project, syntax: "toml", path: source("priority"), value: priority },
    );
  const notes = [`Publish with: poetry publish -r ${name}`];
  if (!site.project)
    notes.unshift(
      `To install from it, in each project (or run this with --project): poetry source add --priority=${priority} ${name} ${url}simple/`,
    );
  if (extra) notes.push(TWO_INDEXES);
  if (variable !== undefined)
    notes.push(
      `Set POETRY_HTTP_BASIC_${envName(name)}_USERNAME=aws and POETRY_HTTP_BASIC_${envName(name)}_PASSWORD to a token where it runs.`,
    );
  return { settings, notes };
}

export const poetry: Tool = { name: "poetry", format: "pypi", takes: ["extra", "project", "variable"], plan };
