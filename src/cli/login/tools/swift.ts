// swift: what `swift package-registry set` and `login` write, and the token in .netrc.
import { join } from "node:path";
import type { Plan, Setting, Site, Tool } from "../tool.ts";

function plan({ url, scope, project, token, around }: Site): Plan {
  const { host, hostname, pathname } = new URL(url);
  const { env, home, cwd, platform } = around;
  const user = join(home, ".swiftpm", "configuration", "registries.json");
  const shared = project ? join(cwd, ".swiftpm", "configuration", "registries.json") : user;
  const netrc = env.NETRC || join(home, ".netrc");
  const registry = ["registries", scope ?? "[default]"];
  const settings: Setting[] = [
    { file: shared, syntax: "json", path: [...registry, "supportsAvailability"], value: false },
    { file: shared, syntax: "json", path: [...registry, "url"], value: url },
    { file: shared, syntax: "json", path: ["version"], value: "1" },
    { file: user, syntax: "json", path: ["authentication", host, "type"], value: "token" },
    { file: user, syntax: "json", path: ["authentication", host, "loginAPIPath"], value: `${pathname}login` },
    ...(project ? [{ file: user, syntax: "json", path: ["version"], value: "1" } as const] : []),
    // .netrc has no ports and no paths: one token for a host.
    { file: netrc, syntax: "netrc", path: [hostname, "login"], value: "token" },
    { file: netrc, syntax: "netrc", path: [hostname, "password"], value: token, secret: true },
  ];
  const where = scope === undefined ? "Every scope without a registry of its own" : `The scope ${scope}`;
  const notes = [
    `${where} comes from this repository.`,
    "Publish with: swift package-registry publish SCOPE.NAME VERSION",
  ];
  if (platform === "darwin")
    notes.push(
      `On macOS the token belongs into the keychain: swift package-registry login ${url}login --token TOKEN`,
    );
  if (url.startsWith("http:"))
    notes.push("SwiftPM wants https; plain http works with --allow-insecure-http (Swift 5.10 and later).");
  return { settings, notes };
}

export const swift: Tool = {
  name: "swift",
  format: "swift",
  takes: ["scope", "project"],
  instead: { extra: "use --scope NAME: then only that scope comes from this repository" },
  plan,
};
