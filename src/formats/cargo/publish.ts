// PUT of a new crate: streamed into a blob and through its own manifest at the same time; what the manifest says is what is recorded.
import type { BlobWriter, StagedBlob } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendJson } from "../answers.ts";
import { bodyChunks } from "../body.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { agree } from "./agreement.ts";
import { refuseCollisions } from "./collisions.ts";
import { describe } from "./contents.ts";
import type { CrateReader } from "./crate-reader.ts";
import { createCrateReader } from "./crate-reader.ts";
import type { IndexLine } from "./index-line.ts";
import { type Json, textOf } from "./json.ts";
import type { CrateManifest } from "./manifest.ts";
import { assetName, checkPublishedName, checkPublishedVersion } from "./names.ts";
import { createPublishBodyReader, METADATA_BYTES_MAX } from "./publish-body.ts";

export interface PublishDeps {
  readonly registry: Registry;
  readonly limits: FormatLimits;
}

/** What the metadata says is coming: authorised, admitted, and held against the manifest later. */
interface Announced {
  readonly key: PackageKey;
  readonly version: string;
  readonly sent: Json;
}

/** A crate that is complete and unpacked, but not recorded yet. */
interface Upload {
  readonly announced: Announced;
  readonly writer: BlobWriter;
  readonly staged: StagedBlob;
  readonly manifest: CrateManifest;
}

/** Answers `PUT /api/v1/crates/new`. Whatever goes wrong, nothing of the upload is kept. */
export async function publishCrate(deps: PublishDeps, request: DoorRequest): Promise<void> {
  const upload = await receive(deps, request);
  try {
    const outcome = await record(deps, request, upload);
    const { key, version } = upload.announced;
    const same = `${key.name} ${version} is here already with the same bytes; nothing has changed.`;
    const warnings = {
      invalid_categories: [],
      invalid_badges: [],
      other: outcome === "unchanged" ? [same] : [],
    };
    sendJson(request, 200, { warnings });
  } catch (error) {
    await upload.writer.discard();
    throw error;
  }
}

/** Admission is asked between the metadata and the crate's first byte, before anything is kept. */
async function receive(deps: PublishDeps, request: DoorRequest): Promise<Upload> {
  const { registry, limits } = deps;
  const body = createPublishBodyReader({
    metadataBytesMax: METADATA_BYTES_MAX,
    crateBytesMax: limits.assetBytesMax,
  });
  let announced: Announced | undefined;
  let writer: BlobWriter | undefined;
  let reader: CrateReader | undefined;
  try {
    for await (const chunk of bodyChunks(request.req, limits.requestBytesMax)) {
      for (const bytes of body.push(chunk)) {
        const metadata = body.metadata();
        if (metadata === undefined) throw new Error("a crate without metadata");
        announced ??= await admit(deps, request, metadata.sent);
        writer ??= await registry.stageBlob({ size: metadata.crateBytes });
        reader ??= createCrateReader(`${announced.key.name}-${announced.version}`);
        await Promise.all([writer.write(bytes), reader.write(bytes)]);
      }
    }
    body.end();
    if (announced === undefined || writer === undefined || reader === undefined)
      throw invalid("The publish body holds no crate.");
    const [staged, manifest] = await Promise.all([writer.finish(), reader.finish()]);
    return { announced, writer, staged, manifest };
  } catch (error) {
    reader?.destroy();
    await writer?.discard();
    throw error;
  }
}

async function admit({ registry }: PublishDeps, request: DoorRequest, sent: Json): Promise<Announced> {
  const name = textOf(sent["name"]);
  const version = textOf(sent["vers"]);
  if (name === undefined || version === undefined)
    throw invalid("The metadata lacks the crate's 'name' or its 'vers'.");
  const key = checkPublishedName(name);
  checkPublishedVersion(version);
  await registry.admitPublish(request.repository, key, request);
  await refuseCollisions(registry, request.repository, key, version);
  return { key, version, sent };
}

async function record({ registry }: PublishDeps, request: DoorRequest, upload: Upload) {
  const { announced, staged, manifest, writer } = upload;
  const { key, version } = announced;
  const { line, differences } = agree(manifest, announced.sent, (index) => isThisIndex(index, request));
  refuseDisagreement(differences);
  const indexed: IndexLine = { ...line, cksum: staged.digests.sha256 };
  return registry.publish(
    request.repository,
    {
      key,
      version,
      assets: [{ name: assetName(key.name, version), writer, staged }],
      metadata: describe(manifest.about, key.name),
      document: JSON.stringify(manifest.about),
      brief: JSON.stringify(indexed),
      oneSpelling: true,
      tags: [],
    },
    request,
  );
}

/**
 * Whether a crate's manifest means this repository by an index's address. Only by path: behind a proxy, the address a
 * client was told of is not the one it ends at.
 */
function isThisIndex(index: string, { repository }: DoorRequest): boolean {
  const address = index.replace(/^sparse\+/, "");
  if (!URL.canParse(address)) return false;
  const parts = new URL(address).pathname.replace(/\/$/, "").split("/");
  return parts.includes("cargo") && decodeURIComponent(parts.at(-1) ?? "") === repository.name;
}

const DIFFERENCES_SHOWN = 5;

/** Manifest confusion: what a reviewer reads and what gets resolved must be one thing. */
function refuseDisagreement(found: readonly string[]): void {
  if (found.length === 0) return;
  const more = found.length > DIFFERENCES_SHOWN ? ` And ${found.length - DIFFERENCES_SHOWN} more.` : "";
  throw new Fault(
    "ValidationException",
    `The metadata sent does not agree with Cargo.toml in the crate: ${found.slice(0, DIFFERENCES_SHOWN).join("; ")}.${more}`,
    { reason: "FIELD_VALIDATION_FAILED" },
  );
}
