// Yanking own versions (PEP 592): beyond CodeArtifact, which only mirrors what the public index says (spec 8.2.7).
import type { PackageKey } from "../../core/coordinates.ts";
import { conflict, invalid, notFound } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import { sendJson } from "../answers.ts";
import { readBody } from "../body.ts";
import type { DoorRequest } from "../format.ts";
import { readNote } from "./project.ts";
import type { Spellings } from "./spellings.ts";

export interface YankDeps {
  readonly registry: Registry;
  readonly spellings: Spellings;
}

const BODY_BYTES_MAX = 16 * 1024;
const REASON_LENGTH_MAX = 1_000;

/** `POST pypi/{project}/{version}/yank`, with `{"reason": "…"}`, a form's `reason=…`, or nothing; `DELETE` takes it back. Needs PutPackageMetadata. */
export async function setYanked(
  { registry, spellings }: YankDeps,
  request: DoorRequest,
  key: PackageKey,
  version: string,
): Promise<void> {
  const { repository, method } = request;
  registry.authorize(request.caller, "PutPackageMetadata", repository, key);
  const reason =
    method === "POST" ? readReason(request, await readBody(request.req, BODY_BYTES_MAX)) : undefined;
  const spelled = (await spellings.of(await registry.view(repository, key), version)) ?? version;
  const held = await registry.heldVersion(repository, key, spelled);
  if (held === undefined)
    throw notFound(
      `Version ${version} of ${key.name} is not held by repository '${repository.name}'.`,
      "package-version",
      version,
    );
  const { origin } = held.row;
  if (origin.type === "EXTERNAL")
    throw conflict(
      `Version ${spelled} of ${key.name} came from '${origin.entryPoint}', and is yanked or not as that index says. To keep it from being installed, set its status to Unlisted or Archived with UpdatePackageVersionsStatus.`,
      "package-version",
      version,
    );
  const changes = held.assets.flatMap(({ name, document }) => {
    if (name.endsWith(".provenance")) return [];
    const { yanked: _, ...note } = readNote(document);
    const next = JSON.stringify(reason === undefined ? note : { ...note, yanked: reason });
    return next === document ? [] : [{ version: spelled, asset: name, document: next }];
  });
  if (changes.length > 0) await registry.rewriteAssets(repository, key, changes, "metadata", request);
  sendJson(request, 200, {
    name: key.name,
    version: spelled,
    yanked: reason !== undefined,
    reason: reason === true ? null : (reason ?? null),
  });
}

/** `true` for a yank without one. */
function readReason({ req }: DoorRequest, body: Buffer): true | string {
  const text = body.toString("utf8").trim();
  if (text === "") return true;
  const reason =
    /^[^;]*json/i.test(req.headers["content-type"] ?? "") || text.startsWith("{")
      ? fromJson(text)
      : new URLSearchParams(text).get("reason");
  if (typeof reason !== "string" || reason === "") return true;
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  if (reason.length > REASON_LENGTH_MAX || /[\u0000-\u001f\u007f]/.test(reason))
    throw invalid(`The reason must be one line of at most ${REASON_LENGTH_MAX} characters.`);
  return reason;
}

function fromJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as { reason?: unknown }).reason : undefined;
  } catch {
    throw invalid("The body is not valid JSON.", "CANNOT_PARSE");
  }
}
