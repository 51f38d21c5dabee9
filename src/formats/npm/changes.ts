// Changing what is there: deprecate, unpublish and dist-tags, in the requests npm makes for them.
import type { PackageKey } from "../../core/coordinates.ts";
import { conflict, invalid, notFound } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { absence, sendJson } from "../answers.ts";
import { readBody, readJson, requireJson } from "../body.ts";
import type { DoorRequest } from "../format.ts";
import { indexFilesOf } from "../index-files.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { type MetadataUpdate, parseBody, readMetadataUpdate } from "./documents.ts";
import { external } from "./external.ts";
import { checkTag, nameOf, versionOfTarball } from "./names.ts";
import { type Packuments, revOf } from "./packuments.ts";
import { REST_BYTES_MAX } from "./publish-body.ts";
import { type VersionTexts, withDeprecation } from "./version-text.ts";

export interface ChangesDeps {
  readonly registry: Registry;
  readonly worker: DocumentWorker;
  readonly packuments: Packuments;
}

const TAG_BODY_BYTES_MAX = 4096;
/** Parsing a larger body would hold up other requests, so the worker does it. */
const INLINE_BODY_BYTES_MAX = 256 * 1024;

/** A PUT without a tarball: npm sends the whole document back with some `deprecated` changed. Nothing else is taken over. */
export async function deprecate(
  { registry, worker }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
  rest: Buffer,
): Promise<void> {
  const { repository } = request;
  registry.authorize(request.caller, "PutPackageMetadata", repository, key);
  const update = await readUpdate(worker, nameOf(key), rest);
  await checkRev(registry, request, key, update.rev);
  const held = await registry.heldVersions(repository, key);
  if (held.length === 0) throw notHeld(request, key);
  const changes = new Map<string, VersionTexts>();
  for (const { version, document } of held) {
    const texts = update.deprecated.has(version)
      ? withDeprecation(document, update.deprecated.get(version))
      : undefined;
    if (texts !== undefined) changes.set(version, texts);
  }
  const numbers = new Set(held.map(({ version }) => version));
  await refuseUnknown(
    registry,
    request,
    key,
    [...update.deprecated.keys()].filter((version) => !numbers.has(version)),
  );
  if (changes.size === 0) refuseForeign(request, update, numbers);
  else await registry.rewriteDocuments(repository, key, changes, request);
  sendJson(request, 201, { ok: true, id: nameOf(key) });
}

function readUpdate(
  worker: DocumentWorker,
  name: string,
  rest: Buffer,
): Promise<MetadataUpdate> | MetadataUpdate {
  return rest.length > INLINE_BODY_BYTES_MAX
    ? worker.ask("update", { name, body: rest })
    : readMetadataUpdate(parseBody(rest), name);
}

/** A body that names a version nobody has was meant as a publish and lost its tarball: a success would be a lie. */
async function refuseUnknown(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  notHeldHere: readonly string[],
): Promise<void> {
  if (notHeldHere.length === 0) return;
  const view = await registry.view(request.repository, key);
  const known = new Set((await registry.listedVersions(view)).map(({ version }) => version));
  for (const file of indexFilesOf(view))
    for (const version of (await external.versions(file, key)).keys()) known.add(version);
  const unknown = notHeldHere.filter((version) => !known.has(version));
  if (unknown.length === 0 || view.trouble !== undefined) return;
  throw invalid(
    `Nothing was published: the body names ${nameOf(key)}@${unknown.slice(0, 5).join(", ")} but carries no tarball for it in '_attachments'.`,
  );
}

/** Versions that only an upstream has are not this repository's to deprecate; silence would look like success. */
function refuseForeign({ repository }: DoorRequest, update: MetadataUpdate, held: ReadonlySet<string>): void {
  const foreign = [...update.deprecated].filter(
    ([version, message]) => message !== undefined && !held.has(version),
  );
  if (foreign.length === 0) return;
  const shown = foreign
    .slice(0, 5)
    .map(([version]) => version)
    .join(", ");
  throw notFound(
    `Nothing was changed: repository '${repository.name}' does not hold ${shown}. Only versions it holds can be deprecated here.`,
    "package-version",
    shown,
  );
}

/** A document changed by someone else since the client read it must be read again (CouchDB's rule, which npm knows). */
async function checkRev(
  registry: Registry,
  request: DoorRequest,
  key: PackageKey,
  rev: string | undefined,
): Promise<void> {
  if (rev === undefined || rev === "undefined") return;
  const view = await registry.view(request.repository, key);
  if (rev !== revOf(view))
    throw conflict(`${nameOf(key)} has changed since it was read. Try again.`, "package", nameOf(key));
}

function notHeld({ repository }: DoorRequest, key: PackageKey): Error {
  return notFound(
    `Repository '${repository.name}' holds no version of ${nameOf(key)} itself; what it only shows of an upstream cannot be changed here.`,
    "package",
    nameOf(key),
  );
}

/**
 * `DELETE /{name}/-rev/{rev}`: every version. The origin settings stay (spec 2.1.5), so that a name given up here is not
 * a name given away: whoever may not publish or supply it before may not afterwards. DeletePackage forgets them.
 */
export async function unpublishPackage(
  { registry }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
  rev: string,
): Promise<void> {
  registry.authorize(request.caller, "DeletePackageVersions", request.repository, key);
  await checkRev(registry, request, key, rev);
  const held = await registry.heldVersions(request.repository, key);
  if (held.length === 0) throw notHeld(request, key);
  const versions = held.map(({ version }) => version);
  await registry.changeVersions(request.repository, key, { versions, target: "Deleted" }, request);
  sendJson(request, 200, { ok: true });
}

/**
 * `PUT /{name}/-rev/{rev}`: the first half of npm's unpublish of one version, which sends the document without it. It
 * changes nothing: what goes is named by the DELETE of its tarball that follows, never deduced from what a document lacks.
 */
export async function unpublishAnnounced(
  { registry, worker }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
  rev: string,
): Promise<void> {
  registry.authorize(request.caller, "DeletePackageVersions", request.repository, key);
  requireJson(request.req);
  await readUpdate(worker, nameOf(key), await readBody(request.req, REST_BYTES_MAX));
  await checkRev(registry, request, key, rev);
  sendJson(request, 201, { ok: true, id: nameOf(key) });
}

/** `DELETE /{name}/-/{file}/-rev/{rev}`: one version. */
export async function unpublishVersion(
  { registry }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
  file: string,
): Promise<void> {
  const version = versionOfTarball(key, file);
  const { changed } = await registry.changeVersions(
    request.repository,
    key,
    { versions: [version], target: "Deleted" },
    request,
  );
  if (!changed.has(version)) {
    throw notFound(
      `Repository '${request.repository.name}' does not hold ${nameOf(key)}@${version}.`,
      "package-version",
      version,
    );
  }
  sendJson(request, 200, { ok: true });
}

/** `GET /-/package/{name}/dist-tags`. */
export async function listTags(
  { registry, packuments, worker }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
): Promise<void> {
  registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
  const view = await registry.view(request.repository, key);
  const tags = await worker.ask("tags", {
    facts: await packuments.facts(view, "brief", request.baseUrl),
    files: indexFilesOf(view),
  });
  if (tags === undefined) throw absence(view, nameOf(key));
  sendJson(request, 200, tags);
}

/** `PUT /-/package/{name}/dist-tags/{tag}` with the version as a JSON string. */
export async function putTag(
  { registry }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
  tag: string,
): Promise<void> {
  checkTag(tag);
  const version = await readJson(request.req, TAG_BODY_BYTES_MAX);
  if (typeof version !== "string" || version === "")
    throw invalid("The body must be the version as a JSON string.");
  await registry.setTag(request.repository, key, tag, version, request);
  sendJson(request, 201, { ok: true });
}

/** `DELETE /-/package/{name}/dist-tags/{tag}`. */
export async function deleteTag(
  { registry }: ChangesDeps,
  request: DoorRequest,
  key: PackageKey,
  tag: string,
): Promise<void> {
  if (tag === "latest")
    throw invalid("The dist-tag 'latest' cannot be removed; set it to another version instead.");
  await registry.removeTag(request.repository, key, tag, request);
  sendJson(request, 200, { ok: true });
}
