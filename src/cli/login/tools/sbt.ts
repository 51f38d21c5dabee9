// sbt: a credentials file and a global settings file; and coursier's own credentials, for `cs` and scala-cli.
import { join } from "node:path";
import type { Around, Plan, Setting, Site, Tool } from "../tool.ts";
import { configHome, ONE_INDEX, TWO_INDEXES } from "../tool.ts";

/** What the server calls itself when it asks for credentials; Ivy matches it. */
const REALM = "portcullis";

function coursierFile(around: Around): string {
  const { env, home, platform } = around;
  const [given = ""] = [env.COURSIER_CREDENTIALS];
  if (given.startsWith("/")) return given;
  const folder =
    platform === "darwin"
      ? join(home, "Library", "Application Support", "Coursier")
      : join(configHome(around), "coursier");
  return join(folder, "credentials.properties");
}

function globalSettings({ url, name, extra }: Site, credentials: string): string {
  const insecure = url.startsWith("http:") ? ".withAllowInsecureProtocol(true)" : "";
  const lines = [
    "// Written by portcullis login sbt; portcullis logout sbt removes it. No secret is in here.",
    `credentials += Credentials(new java.io.File(${JSON.stringify(credentials)}))`,
    `resolvers += (${JSON.stringify(name)} at ${JSON.stringify(url)})${insecure}`,
  ];
  if (!extra)
    lines.push(
      "externalResolvers := Resolver.combineDefaultResolvers(resolvers.value.toVector, mavenCentral = false)",
    );
  return `${lines.join("\n")}\n`;
}

function plan(site: Site): Plan {
  const { url, name, token, extra, around } = site;
  const host = new URL(url).hostname;
  const own = join(around.home, ".sbt", `portcullis-${name}.credentials`);
  const coursier = coursierFile(around);
  // Keys of coursier's file begin with one word.
  const prefix = name.replace(/[^A-Za-z0-9]/g, "");
  const settings: Setting[] = [
    { file: own, syntax: "properties", path: ["realm"], value: REALM },
    { file: own, syntax: "properties", path: ["host"], value: host },
    { file: own, syntax: "properties", path: ["user"], value: "aws" },
    { file: own, syntax: "properties", path: ["password"], value: token, secret: true },
    {
      file: join(around.home, ".sbt", "1.0", `portcullis-${name}.sbt`),
      syntax: "whole",
      path: ["the whole file"],
      value: globalSettings(site, own),
    },
    { file: coursier, syntax: "properties", path: [`${prefix}.host`], value: host },
    { file: coursier, syntax: "properties", path: [`${prefix}.username`], value: "aws" },
    { file: coursier, syntax: "properties", path: [`${prefix}.password`], value: token, secret: true },
  ];
  if (url.startsWith("http:"))
    settings.push({ file: coursier, syntax: "properties", path: [`${prefix}.https-only`], value: "false" });
  return {
    settings,
    notes: [extra ? TWO_INDEXES : ONE_INDEX, `Publish with: publishTo := Some("${name}" at "${url}")`],
  };
}

export const sbt: Tool = {
  name: "sbt",
  format: "maven",
  takes: ["extra"],
  instead: {
    project: "sbt's credentials are the user's",
    variable:
      'in build.sbt: credentials += Credentials("portcullis", HOST, "aws", sys.env("PORTCULLIS_TOKEN"))',
  },
  plan,
};
