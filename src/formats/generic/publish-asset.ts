// One asset into a version, for both ways in: the door's PUT and the API's PublishPackageVersion.
import { Fault, invalid } from "../../core/faults.ts";
import type { PublishedAsset, Registry, RequestContext } from "../../registry/registry.ts";
import type { AssetUpload, DigestClaim } from "../format.ts";
import { checkAssetName } from "./names.ts";

/**
 * Admission first, then the bytes, then the record; whatever goes wrong, nothing is kept. Throws ValidationException for
 * a name that may not be or a digest that differs, PayloadTooLarge, and what Registry.publish throws.
 */
export async function publishAsset(
  registry: Registry,
  upload: AssetUpload,
  context: RequestContext,
): Promise<"published" | "extended" | "unchanged"> {
  const { repository, key, version, name, unfinished } = upload;
  checkAssetName(name);
  await registry.admitPublish(repository, key, context);
  const asset = await stage(registry, upload);
  try {
    checkClaims(name, asset.staged.digests, upload.claims);
    return await registry.publish(
      repository,
      {
        key,
        version,
        assets: [asset],
        tags: [],
        metadata: {},
        document: "{}",
        brief: "{}",
        assembly: "until-published",
        status: unfinished ? "Unfinished" : "Published",
      },
      context,
    );
  } catch (error) {
    await asset.writer.discard();
    throw error;
  }
}

/** Reads the content without destroying it at the end, so that a refusal still reaches its sender. */
async function stage(
  registry: Registry,
  { name, content, announcedBytes, bytesMax }: AssetUpload,
): Promise<PublishedAsset> {
  if (announcedBytes !== undefined && announcedBytes > bytesMax) throw tooLarge(name, bytesMax);
  const writer = await registry.stageBlob(announcedBytes === undefined ? {} : { size: announcedBytes });
  try {
    let size = 0;
    for await (const chunk of content.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bytesMax) throw tooLarge(name, bytesMax);
      await writer.write(chunk);
    }
    return { name, writer, staged: await writer.finish() };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

function tooLarge(name: string, bytesMax: number): Fault {
  return new Fault(
    "PayloadTooLarge",
    `The asset '${name}' is larger than ${bytesMax} bytes, the most that is taken here.`,
  );
}

function checkClaims(
  name: string,
  digests: Readonly<Record<DigestClaim["algorithm"], string>>,
  claims: readonly DigestClaim[],
): void {
  const wrong = claims.find(({ algorithm, hex }) => digests[algorithm] !== hex);
  if (wrong === undefined) return;
  const { where, algorithm, hex } = wrong;
  throw invalid(
    `The content of '${name}' has the ${algorithm} digest ${digests[algorithm]}, not ${hex} as ${where} says; nothing was kept. Send it again, or correct the digest.`,
    "OTHER",
  );
}
