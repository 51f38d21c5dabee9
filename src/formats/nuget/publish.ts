// Pushing packages and symbol packages; taking a version off the list, and putting it back.
import type { BlobWriter, StagedBlob } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { conflict, Fault, invalid, notFound } from "../../core/faults.ts";
import { normalizeNugetVersion } from "../../core/nuget-versions.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendText } from "../answers.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { refuseLookAlike } from "../look-alikes.ts";
import { receiveForm } from "../multipart.ts";
import { describeFacts, type Facts } from "./facts.ts";
import { keyOf, packageAsset, symbolAsset, versionOf } from "./names.ts";
import { readPackage } from "./package-file.ts";

export interface PublishDeps {
  readonly registry: Registry;
  readonly limits: FormatLimits;
}

/** A package that is here whole, and read, but not recorded yet. */
interface Pushed {
  readonly writer: BlobWriter;
  readonly staged: StagedBlob;
  readonly facts: Facts;
  readonly key: PackageKey;
  readonly version: string;
}

export type Kind = "package" | "symbols";

/**
 * Answers `PUT …/v3/package` and `PUT …/v3/symbolpackage`: 201, or 200 for what is here already with the same bytes. Only
 * the package tells its name, so admission is asked once it is read; nothing of a refused one is kept.
 */
export async function push(deps: PublishDeps, request: DoorRequest, kind: Kind): Promise<void> {
  // For whoever may publish nothing here there is no use in sending a package; spec 8.4.3: both are needed.
  const { registry } = deps;
  registry.authorize(request.caller, "ReadFromRepository", request.repository, null);
  const pushed = await receive(deps, request);
  try {
    const { key, version, facts } = pushed;
    await registry.admitPublish(request.repository, key, request);
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    if (kind === "symbols") await checkSymbols(registry, request, pushed);
    else await refuseLookAlike(registry, request.repository, key, "package");
    const outcome = await record(registry, request, pushed, kind);
    const text = `${facts.id} ${version} ${outcome === "unchanged" ? "was here already with the same bytes." : "was pushed."}\n`;
    sendText(request, outcome === "unchanged" ? 200 : 201, "text/plain; charset=utf-8", text);
  } catch (error) {
    await pushed.writer.discard();
    throw error;
  }
}

function record(
  registry: Registry,
  request: DoorRequest,
  { facts, key, version, writer, staged }: Pushed,
  kind: Kind,
) {
  const name = kind === "package" ? packageAsset(key.name, version) : symbolAsset(key.name, version);
  return registry.publish(
    request.repository,
    {
      key,
      version,
      assets: [{ name, writer, staged }],
      metadata: describeFacts(facts),
      document: JSON.stringify(facts),
      brief: "",
      tags: [],
      assembly: "open",
    },
    request,
  );
}

/** Symbols are of a package that is here: alone they would be a version that cannot be installed. */
async function checkSymbols(registry: Registry, request: DoorRequest, { facts, key, version }: Pushed) {
  const held = await registry.heldVersion(request.repository, key, version);
  if (held?.assets.some(({ name }) => name === packageAsset(key.name, version)) !== true)
    throw notFound(
      `Repository '${request.repository.name}' does not hold ${facts.id} ${version}. Push its .nupkg first, then the .snupkg.`,
      "package-version",
      version,
    );
  const types = facts.packageTypes.map((type) => type.toLowerCase());
  if (!types.includes("symbolspackage"))
    throw invalid(
      "The symbol package is refused: its .nuspec does not say that it is of type SymbolsPackage.",
    );
}

const FORM_LIMITS = { fieldBytesMax: 64 * 1024, fieldsBytesMax: 256 * 1024, fieldsMax: 20, filesMax: 1 };
const FORM_EXPECTED =
  "A push is a multipart/form-data body with the package as its one file, as 'nuget push' and 'dotnet nuget push' send it.";
/** What a form may add to the package it carries. */
const FORM_BYTES = 1024 * 1024;

async function receive({ registry, limits }: PublishDeps, { req }: DoorRequest): Promise<Pushed> {
  let writer: BlobWriter | undefined;
  const current = (): BlobWriter | undefined => writer; // set by who takes the file
  try {
    const form = {
      ...FORM_LIMITS,
      bodyBytesMax: limits.assetBytesMax + FORM_BYTES,
      isFile: () => true, // some clients name neither a file nor a type
    };
    await receiveForm(req, form, FORM_EXPECTED, async ({ bytes }) => {
      const announced = Number(req.headers["content-length"]);
      writer = await registry.stageBlob(Number.isSafeInteger(announced) ? { size: announced } : {});
      for await (const chunk of bytes) await writer.write(chunk as Uint8Array);
    });
    const filled = current();
    if (filled === undefined) throw invalid("The push holds no package.");
    return await read(filled, await filled.finish());
  } catch (error) {
    await current()?.discard();
    throw error;
  }
}

async function read(writer: BlobWriter, staged: StagedBlob): Promise<Pushed> {
  const readAt = (position: number, length: number) => writer.readAt(position, length);
  const facts = await readPackage({ size: staged.size, readAt }, "The package");
  const version = normalizeNugetVersion(facts.version);
  if (version === undefined) throw invalid("The .nuspec's version is not a version of NuGet's.");
  return { writer, staged, facts, key: keyOf(facts.id), version };
}

/**
 * Answers `DELETE …/v3/package/{id}/{version}` (unlist) and `POST` of the same (relist): the status of a version that this
 * repository holds becomes Unlisted, or Published again; its files stay. Needs UpdatePackageVersionsStatus.
 */
export async function changeListing(
  registry: Registry,
  request: DoorRequest,
  id: string,
  number: string,
  listed: boolean,
): Promise<void> {
  const key = keyOf(id);
  const version = versionOf(number);
  const { repository } = request;
  registry.authorize(request.caller, "UpdatePackageVersionsStatus", repository, key);
  const held = await registry.heldVersion(repository, key, version);
  if (held === undefined)
    throw notFound(
      `Repository '${repository.name}' does not hold ${id} ${version}. Only versions it holds can be unlisted or relisted here.`,
      "package-version",
      version,
    );
  const target = listed ? "Published" : "Unlisted";
  const from = listed ? "Unlisted" : "Published";
  if (held.row.status !== target) {
    if (held.row.status !== from)
      throw conflict(`${id} ${version} is ${held.row.status}; UpdatePackageVersionsStatus changes that.`);
    const change = { versions: [version], target, expectedStatus: from } as const;
    const { failures } = await registry.changeVersions(repository, key, change, request);
    const [failure] = failures.values();
    if (failure !== undefined) throw new Fault("ConflictException", failure.errorMessage);
  }
  if (listed)
    return sendText(request, 200, "text/plain; charset=utf-8", `${id} ${version} is listed again.\n`);
  request.res.writeHead(204).end();
}
