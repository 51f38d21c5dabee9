// Attestations sent with an upload (PEP 740): held against the file, kept as the provenance that is served beside it.
import { createHash } from "node:crypto";
import type { StagedBlob } from "../../blobs/blob-store.ts";
import type { PackageKey } from "../../core/coordinates.ts";
import { invalid } from "../../core/faults.ts";
import type { PublishedAsset, Registry } from "../../registry/registry.ts";
import type { DoorRequest } from "../format.ts";

const ATTESTATIONS_MAX = 20;

interface File {
  readonly filename: string;
  readonly staged: StagedBlob;
}

/**
 * The provenance document, or undefined when nothing was attested. Signatures are not verified here: whoever installs
 * does that. What is checked is that each statement is about these very bytes. Throws a 400.
 */
export function readAttestations(
  field: string | undefined,
  file: File,
  publisher: string,
): string | undefined {
  if (field === undefined || field === "") return undefined;
  const attestations = parse(field);
  if (attestations.length === 0) return undefined;
  for (const attestation of attestations) checkSubject(attestation, file);
  return JSON.stringify({
    version: 1,
    attestation_bundles: [{ publisher: { kind: "Portcullis", name: publisher, claims: null }, attestations }],
  });
}

function parse(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("The field 'attestations' is not JSON.", "CANNOT_PARSE");
  }
  if (!Array.isArray(value) || value.length > ATTESTATIONS_MAX)
    throw invalid(
      `The field 'attestations' must be a JSON array of at most ${ATTESTATIONS_MAX} attestations.`,
    );
  return value;
}

function checkSubject(attestation: unknown, { filename, staged }: File): void {
  const envelope = member(attestation, "envelope");
  const statement = member(envelope, "statement");
  if (member(attestation, "version") !== 1 || typeof statement !== "string")
    throw invalid("An attestation is not of version 1 of PEP 740, with an envelope and its statement.");
  let subjects: unknown;
  try {
    subjects = member(JSON.parse(Buffer.from(statement, "base64").toString("utf8")), "subject");
  } catch {
    throw invalid("An attestation's statement is not base64 of JSON.", "CANNOT_PARSE");
  }
  const fits =
    Array.isArray(subjects) &&
    subjects.length === 1 &&
    member(subjects[0], "name") === filename &&
    member(member(subjects[0], "digest"), "sha256") === staged.digests.sha256;
  if (!fits) throw invalid(`An attestation is not about the bytes of ${filename}.`);
}

function member(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

/** The asset beside the file; undefined when nothing was attested, or the very file is there already with what was attested then. */
export async function stageProvenance(
  registry: Registry,
  { repository }: DoorRequest,
  key: PackageKey,
  version: string,
  { filename, staged }: File,
  provenance: string | undefined,
): Promise<PublishedAsset | undefined> {
  if (provenance === undefined) return undefined;
  const held = await registry.heldVersion(repository, key, version);
  const same = held?.assets.find(({ name }) => name === filename);
  if (same?.digests.sha256 === staged.digests.sha256) return undefined;
  const writer = await registry.stageBlob();
  try {
    await writer.write(Buffer.from(provenance));
    return { name: `${filename}.provenance`, writer, staged: await writer.finish() };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
