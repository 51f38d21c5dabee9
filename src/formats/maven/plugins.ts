// Maven plugins of a group, for the metadata that tells their prefixes: held here, upstream, or named by a public registry.
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import type { DoorRequest } from "../format.ts";
import { readMetadata } from "./external.ts";
import { type ListPlace, METADATA_FILE } from "./layout.ts";
import type { Plugin } from "./metadata-text.ts";
import { readDocument } from "./version-document.ts";
import { compareVersions } from "./version-order.ts";

/** More plugins in one group than any public registry has. */
const NAMES_MAX = 1_000;

/** All that this caller may see, by the same rules as the plugins themselves. */
export async function pluginsOf(
  registry: Registry,
  request: DoorRequest,
  place: ListPlace,
): Promise<readonly Plugin[]> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  const outside = await outsidePlugins(registry, request, place);
  const told = new Set(outside.map(({ artifactId }) => artifactId));
  const inside: Plugin[] = [];
  for (const key of await packagesOf(registry, request, place.group)) {
    if (told.has(key.name) || !mayRead(registry, request, key)) continue;
    const plugin = await heldPlugin(registry, request, key);
    if (plugin !== undefined) inside.push(plugin);
  }
  return [...inside, ...outside];
}

/** Names are in order of group and name, so a group's stand together. */
async function packagesOf(
  registry: Registry,
  { repository }: DoorRequest,
  group: string,
): Promise<readonly PackageKey[]> {
  const before: PackageKey = { format: "maven", namespace: group, name: "" };
  const names = await registry.packageNames(repository, "maven", before, NAMES_MAX);
  return names.filter(({ namespace }) => namespace === group);
}

function mayRead(registry: Registry, { caller, repository }: DoorRequest, key: PackageKey): boolean {
  try {
    registry.authorize(caller, "ReadFromRepository", repository, key);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.code === "AccessDeniedException") return false;
    throw error;
  }
}

async function heldPlugin(
  registry: Registry,
  { repository }: DoorRequest,
  key: PackageKey,
): Promise<Plugin | undefined> {
  const view = await registry.view(repository, key);
  const listed = [...(await registry.listedVersions(view))].sort((a, b) =>
    compareVersions(b.version, a.version),
  );
  const documents = listed.map(({ document }) => readDocument(document));
  const newest = documents.find(({ packaging }) => packaging !== undefined);
  if (newest?.packaging !== "maven-plugin") return undefined;
  const said = documents.find(({ prefix }) => prefix !== undefined);
  return {
    name: said?.pluginName ?? newest.metadata?.displayName,
    prefix: said?.prefix ?? conventionalPrefix(key.name),
    artifactId: key.name,
  };
}

/** As Maven derives it: `maven-x-plugin` and `x-maven-plugin` are `x`. */
export function conventionalPrefix(artifactId: string): string {
  return artifactId === "maven-plugin-plugin"
    ? "plugin"
    : artifactId.replace(/-?maven-?/, "").replace(/-?plugin-?/, "");
}

/** A public registry's list, less the plugins that may not be taken from there. */
async function outsidePlugins(
  registry: Registry,
  { repository, caller, ...rest }: DoorRequest,
  { key, group }: ListPlace,
): Promise<readonly Plugin[]> {
  // A name that may not be asked about outside must not get there by way of its path either.
  const names = [
    ...(key === undefined ? [] : [key]),
    { format: "maven", namespace: group, name: "maven-plugin" } as const,
  ];
  if ((await registry.mayAskOutside(repository, names)).length < names.length) return [];
  const path = `${group.replaceAll(".", "/")}/${METADATA_FILE}`;
  const found = await registry
    .outsideDocument(repository, "maven", { path, accept: "*/*" })
    .catch((error: unknown) => {
      if (error instanceof Fault) return undefined; // what is held here must not wait for it
      throw error;
    });
  if (found === undefined) return [];
  const { plugins } = await readMetadata({ ...found.index, connection: found.connection }, `group ${group}`);
  const keys = plugins.map(
    ({ artifactId }): PackageKey => ({ format: "maven", namespace: group, name: artifactId }),
  );
  const request = { ...rest, repository, caller };
  const readable = keys.filter((one) => mayRead(registry, request, one));
  const allowed = new Set((await registry.mayAskOutside(repository, readable)).map(({ name }) => name));
  return plugins.filter(({ artifactId }) => allowed.has(artifactId));
}
