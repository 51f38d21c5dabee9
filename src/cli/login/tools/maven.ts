// Maven: a server, a mirror of `central` and a profile in settings.xml.
import { join } from "node:path";
import type { Plan, Setting, Site, Tool } from "../tool.ts";
import { ONE_INDEX, TWO_INDEXES } from "../tool.ts";

function repository(file: string, name: string, kind: string, url: string): Setting[] {
  const list = kind === "repository" ? "repositories" : "pluginRepositories";
  const at = (...more: string[]) => [
    "settings",
    "profiles",
    `profile[id=${name}]`,
    list,
    `${kind}[id=${name}]`,
    ...more,
  ];
  return [
    { file, syntax: "xml", path: at("url"), value: url },
    { file, syntax: "xml", path: at("snapshots", "enabled"), value: "true" },
  ];
}

function plan(site: Site): Plan {
  const { url, name, project, extra, token, around } = site;
  const variable = site.variable ?? (project ? "PORTCULLIS_TOKEN" : undefined);
  const file = project ? join(around.cwd, ".mvn", "settings.xml") : join(around.home, ".m2", "settings.xml");
  const server = (key: string) => ["settings", "servers", `server[id=${name}]`, key];
  const mirror = (key: string) => ["settings", "mirrors", `^mirror[id=${name}]`, key];
  const settings: Setting[] = [
    { file, syntax: "xml", path: server("username"), value: "aws" },
    variable === undefined
      ? { file, syntax: "xml", path: server("password"), value: token, secret: true }
      : { file, syntax: "xml", path: server("password"), value: `\${env.${variable}}` },
  ];
  if (!extra)
    settings.push(
      { file, syntax: "xml", path: mirror("mirrorOf"), value: "central" },
      { file, syntax: "xml", path: mirror("url"), value: url },
    );
  settings.push(
    ...repository(file, name, "repository", url),
    ...repository(file, name, "pluginRepository", url),
    {
      file,
      syntax: "xml",
      path: ["settings", "activeProfiles", "*activeProfile"],
      value: name,
      member: true,
    },
  );
  const notes = [
    extra ? TWO_INDEXES : ONE_INDEX,
    `Deploy with: mvn deploy -DaltDeploymentRepository=${name}::${url}`,
    `(or distributionManagement in the pom, with the id ${name}; the oldest deploy plugins want ${name}::default::${url})`,
  ];
  if (project) notes.push("Maven reads it with: mvn -s .mvn/settings.xml");
  if (variable !== undefined) notes.push(`Set ${variable} to a token where it runs.`);
  return { settings, notes };
}

export const maven: Tool = { name: "mvn", format: "maven", takes: ["extra", "project", "variable"], plan };
