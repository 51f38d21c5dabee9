// Pushing and yanking gems.
import type { BlobWriter } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, invalid, notFound } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendText } from "../answers.ts";
import { bodyChunks, readBody } from "../body.ts";
import type { DoorRequest, FormatLimits } from "../format.ts";
import { refuseLookAlike } from "../look-alikes.ts";
import { describeGem, type GemFacts } from "./gem-facts.ts";
import { createGemReader } from "./gem-file.ts";
import { ANY_PLATFORM, fileName, numberAndPlatform, parseName } from "./names.ts";

interface Pushed {
  readonly writer: BlobWriter;
  readonly facts: GemFacts;
}

/** Answers `POST /api/v1/gems`: the body is the gem. Only the body tells its name, so admission is asked once that is read; nothing of a refused gem is kept. */
export async function pushGem(
  { registry, limits }: { readonly registry: Registry; readonly limits: FormatLimits },
  request: DoorRequest,
): Promise<void> {
  const { writer, facts } = await receive(registry, limits, request);
  try {
    const key = parseName(facts.name) as PackageKey;
    await registry.admitPublish(request.repository, key, request);
    await refuseLookAlike(registry, request.repository, key, "gem");
    const document = JSON.stringify(facts);
    const outcome = await registry.publish(
      request.repository,
      {
        key,
        version: facts.number,
        assets: [
          {
            name: fileName(facts.name, facts.number, facts.platform),
            writer,
            staged: await writer.finish(),
            document,
          },
        ],
        metadata: describeGem(facts),
        document,
        brief: "",
        tags: [],
        assembly: "open",
      },
      request,
    );
    const gem = `${facts.name} (${numberAndPlatform(facts.number, facts.platform)})`;
    const text =
      outcome === "unchanged" ? `${gem} was there already.` : `Successfully registered gem: ${gem}`;
    sendText(request, 200, "text/plain; charset=utf-8", text);
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

async function receive(registry: Registry, limits: FormatLimits, { req }: DoorRequest): Promise<Pushed> {
  const announced = Number(req.headers["content-length"]);
  const writer = await registry.stageBlob(Number.isSafeInteger(announced) ? { size: announced } : {});
  try {
    const reader = createGemReader();
    for await (const chunk of bodyChunks(req, limits.assetBytesMax)) {
      reader.write(chunk);
      await writer.write(chunk);
    }
    const facts = reader.finish();
    await writer.finish();
    return { writer, facts };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

const FORM_BYTES_MAX = 64 * 1024;

/** Answers `DELETE /api/v1/gems/yank` and `PUT /api/v1/gems/unyank`: a yanked gem leaves the indexes, lock files still get its file. */
export async function yankGem(registry: Registry, request: DoorRequest, yanked: boolean): Promise<void> {
  const body = new URLSearchParams((await readBody(request.req, FORM_BYTES_MAX)).toString("utf8"));
  const query = new URLSearchParams(request.query);
  const field = (name: string): string => body.get(name) ?? query.get(name) ?? "";
  const name = field("gem_name");
  const number = field("version");
  const platform = field("platform") === "" ? ANY_PLATFORM : field("platform");
  const key = parseName(name);
  if (key === undefined || number === "")
    throw invalid("Say which gem: 'gem_name' and 'version', and 'platform' where it has one.");
  const asset = fileName(name, number, platform);
  registry.authorize(request.caller, "PutPackageMetadata", request.repository, key);
  const held = await registry.heldVersion(request.repository, key, number);
  const document = held?.assets.find((candidate) => candidate.name === asset)?.document;
  if (held === undefined || document === undefined || document === "")
    throw notFound(
      `${asset} is not held by repository '${request.repository.name}', so there is nothing to ${yanked ? "yank" : "unyank"} here.`,
      "package-version",
      number,
    );
  if (held.row.origin.type === "EXTERNAL")
    throw new Fault(
      "ConflictException",
      `${asset} came from '${held.row.origin.entryPoint}'; whether it is yanked is said there. UpdatePackageVersionsStatus hides it here.`,
    );
  const facts: GemFacts = { ...(JSON.parse(document) as GemFacts), yanked };
  const change = { version: number, asset, document: JSON.stringify(facts) };
  await registry.rewriteAssets(request.repository, key, [change], "metadata", request);
  sendText(
    request,
    200,
    "text/plain; charset=utf-8",
    `Successfully ${yanked ? "deleted" : "restored"} gem: ${name} (${numberAndPlatform(number, platform)})`,
  );
}
