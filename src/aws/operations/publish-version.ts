// PublishPackageVersion: one asset of a version, streamed, for formats that are published through the API (spec 5.7).
import { packagePath } from "../../core/coordinates.ts";
import { Fault, invalid, notFound } from "../../core/faults.ts";
import type { Call } from "../dispatch.ts";
import type { Operations } from "../model/types.gen.ts";
import type { AwsDeps } from "./context.ts";
import { openPackage } from "./context.ts";
import { coordinates, describeAsset } from "./versions.ts";

/**
 * The declared SHA-256 is the header that the signature covers, so it is what the bytes are held against (5.7.4). A
 * refusal by origin control is a 403 (2.6.3) and comes before the body is read. After Published: the same bytes again
 * succeed, anything else is a 409 (5.7.3).
 */
export async function publishPackageVersion(
  input: Operations["PublishPackageVersion"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["PublishPackageVersion"]["output"]> {
  const { repository, key } = await openPackage(deps, call, input, "PublishPackageVersion");
  const publishAsset = deps.formats.get(key.format)?.publishAsset;
  if (publishAsset === undefined) throw invalid(wrongFormat(deps, key.format));
  const { packageVersion: version, assetName: name, assetSHA256: hex } = input;
  await publishAsset(
    deps.registry,
    {
      repository,
      key,
      version,
      name,
      content: input.assetContent,
      ...(call.bodyBytes === undefined ? {} : { announcedBytes: call.bodyBytes }),
      bytesMax: deps.assetBytesMax,
      claims: [{ where: "x-amz-content-sha256", algorithm: "sha256", hex }],
      unfinished: input.unfinished === true,
    },
    call,
  ).catch((error: unknown) => {
    throw error instanceof Fault && error.code === "PayloadTooLarge" ? overQuota(error, name) : error;
  });
  const held = await deps.registry.heldVersion(repository, key, version);
  const asset = held?.assets.find((stored) => stored.name === name);
  if (held === undefined || asset === undefined)
    throw notFound(
      `Version ${version} of ${packagePath(key)} was deleted meanwhile.`,
      "package-version",
      version,
    );
  return {
    ...coordinates(key),
    version,
    versionRevision: held.row.revision,
    status: held.row.status,
    asset: describeAsset(asset),
  };
}

function wrongFormat({ formats }: AwsDeps, format: string): string {
  const open = [...formats.values()].filter(({ publishAsset }) => publishAsset !== undefined);
  return `Packages of format ${format} are published with their own clients; PublishPackageVersion is for ${open.map(({ name }) => name).join(", ")}.`;
}

/** The API's word for what is too large (spec 7, 9). */
function overQuota({ message }: Fault, name: string): Fault {
  return new Fault("ServiceQuotaExceededException", message, { resourceType: "asset", resourceId: name });
}
