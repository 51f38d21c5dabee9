// cargo: a registry in config.toml that takes crates-io's place, and asks for its token or has it in credentials.toml.
import { join } from "node:path";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { envName, isFile, ONE_INDEX } from "../tool.ts";

/** cargo prefers the old name without an ending where that file is there. */
function named(folder: string, stem: string): string {
  const old = join(folder, stem);
  return isFile(old) ? old : join(folder, `${stem}.toml`);
}

function cargoHome({ env, home }: Around): string {
  return env.CARGO_HOME || join(home, ".cargo");
}

function plan(site: Site): Plan {
  const { url, extra, project, helper, variable, token, around } = site;
  const name = site.name.replace(/[^A-Za-z0-9_-]/g, "-");
  const user = named(cargoHome(around), "config");
  const shared = project ? named(join(around.cwd, ".cargo"), "config") : user;
  const registry = (key: string) => ["registries", name, key];
  const settings: Setting[] = [
    { file: shared, syntax: "toml", path: registry("index"), value: `sparse+${url}` },
  ];
  if (!extra)
    settings.push(
      { file: shared, syntax: "toml", path: ["source", "crates-io", "replace-with"], value: name },
      { file: shared, syntax: "toml", path: ["registry", "default"], value: name },
    );
  if (helper)
    settings.push({
      file: user,
      syntax: "toml",
      path: registry("credential-provider"),
      value: [around.program],
    });
  else
    settings.push({
      file: variable === undefined ? user : shared,
      syntax: "toml",
      path: registry("credential-provider"),
      value: "cargo:token",
    });
  if (!helper && variable === undefined)
    settings.push({
      file: named(cargoHome(around), "credentials"),
      syntax: "toml",
      path: registry("token"),
      value: `Bearer ${token}`,
      secret: true,
    });
  const notes = [
    extra
      ? `Crates come from it where Cargo.toml says so: x = { version = "1", registry = "${name}" }`
      : ONE_INDEX,
    `Publish with: cargo publish${extra ? ` --registry ${name}` : ""}`,
  ];
  if (variable !== undefined)
    notes.push(`Set CARGO_REGISTRIES_${envName(name)}_TOKEN to 'Bearer TOKEN' where it runs.`);
  return { settings, notes };
}

export const cargo: Tool = {
  name: "cargo",
  format: "cargo",
  takes: ["extra", "project", "variable", "helper"],
  helperByDefault: true,
  plan,
};
