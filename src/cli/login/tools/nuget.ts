// nuget and dotnet: a source and its clear-text password in NuGet.Config, as `aws codeartifact login` leaves them.
import { join } from "node:path";
import { scan } from "../syntax/xml-scan.ts";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { configHome, isFile, ONE_INDEX, readIfThere, TWO_INDEXES } from "../tool.ts";

/** Mono's nuget.exe and dotnet keep different files, except on Windows. */
function userFile(tool: string, around: Around): string {
  const { env, home, platform } = around;
  if (platform === "win32")
    return join(env.APPDATA || join(home, "AppData", "Roaming"), "NuGet", "NuGet.Config");
  return tool === "dotnet"
    ? join(env.DOTNET_CLI_HOME || home, ".nuget", "NuGet", "NuGet.Config")
    : join(configHome(around), "NuGet", "NuGet.Config");
}

function projectFile({ cwd }: Around): string {
  const names = ["nuget.config", "NuGet.config", "NuGet.Config"].map((name) => join(cwd, name));
  return names.find(isFile) ?? (names[0] as string);
}

/** A source's name as the name of an element (.NET's XmlConvert.EncodeLocalName). */
function elementName(name: string): string {
  return name.replace(
    /^[^A-Za-z_]|[^\w.-]/g,
    (c) => `_x${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}_`,
  );
}

/** The other sources of this file that are on: a public one beside this repository is what dependency confusion needs. */
function otherSources(file: string, name: string): string[] {
  let root: ReturnType<typeof scan>;
  try {
    root = scan(readIfThere(file));
  } catch {
    return []; // said when it is edited
  }
  const keys = (section: string) =>
    (root?.children ?? [])
      .filter((each) => each.name === section)
      .flatMap((each) => each.children)
      .map(({ attributes }) => attributes.find((each) => each.name === "key")?.value ?? "");
  return keys("packageSources").filter((key) => key !== "" && key !== name);
}

function plan(tool: string, site: Site): Plan {
  const { url, extra, project, variable, token, around } = site;
  const name = site.named ? site.name : `${site.domain}/${site.repository}`;
  const user = userFile(tool, around);
  const file = project ? projectFile(around) : user;
  const source = (key: string) => ["configuration", "packageSources", `add[@key=${name}]`, key];
  const credential = (key: string) => [
    "configuration",
    "packageSourceCredentials",
    elementName(name),
    `add[@key=${key}]`,
    "@value",
  ];
  const settings: Setting[] = [
    { file, syntax: "xml", path: source("@value"), value: `${url}v3/index.json` },
    { file, syntax: "xml", path: source("@protocolVersion"), value: "3" },
  ];
  if (url.startsWith("http:"))
    settings.push({ file, syntax: "xml", path: source("@allowInsecureConnections"), value: "true" });
  // The user's own sources reach into projects, unless the project clears them first.
  if (!extra && project)
    settings.unshift({ file, syntax: "xml", path: ["configuration", "packageSources", "^clear"], value: "" });
  if (!extra)
    for (const key of otherSources(file, name))
      settings.push({
        file,
        syntax: "xml",
        path: ["configuration", "disabledPackageSources", `add[@key=${key}]`, "@value"],
        value: "true",
      });
  const secrets = variable === undefined ? user : file;
  settings.push(
    { file: secrets, syntax: "xml", path: credential("Username"), value: "aws" },
    variable === undefined
      ? { file: secrets, syntax: "xml", path: credential("ClearTextPassword"), value: token, secret: true }
      : { file: secrets, syntax: "xml", path: credential("ClearTextPassword"), value: `%${variable}%` },
  );
  const notes = [
    extra
      ? TWO_INDEXES
      : `Other sources are switched off in ${file} until 'portcullis logout ${tool}'. ${ONE_INDEX}`,
    `Push with: ${tool === "dotnet" ? "dotnet nuget push X.nupkg --source" : "nuget push X.nupkg -Source"} ${name}`,
  ];
  if (variable === undefined)
    notes.push("NuGet can keep it in clear text only, outside Windows; the file is for you alone.");
  else notes.push(`Set ${variable} to a token where it runs.`);
  return { settings, notes };
}

function make(name: string): Tool {
  return { name, format: "nuget", takes: ["extra", "project", "variable"], plan: (site) => plan(name, site) };
}

export const nugetTools: readonly Tool[] = [make("nuget"), make("dotnet")];
