// GET and HEAD of what lies under a version: its files, and what is served beside them.
import { LRUCache } from "lru-cache";
import type { PackageKey } from "../../core/coordinates.ts";
import { Fault, notFound } from "../../core/faults.ts";
import type { Registry } from "../../registry/registry.ts";
import type { Files } from "../files.ts";
import type { DoorRequest } from "../format.ts";
import type { Beside } from "./beside.ts";
import { parseFileName } from "./filenames.ts";
import { versionKey } from "./names.ts";
import type { Spellings } from "./spellings.ts";

export interface FileDoorDeps {
  readonly registry: Registry;
  readonly files: Files;
  readonly beside: Beside;
  readonly spellings: Spellings;
}

export interface FileDoor {
  /** Answers synchronously when the same file was asked for lately and is small. */
  serve(request: DoorRequest, key: PackageKey, version: string, file: string): Promise<void> | void;
}

const RESOLVED_MAX = 20_000;

export function createFileDoor({ registry, files, beside, spellings }: FileDoorDeps): FileDoor {
  /** The spelling under which a version of an address is known, by repository and project. */
  const resolved = new LRUCache<string, string>({ max: RESOLVED_MAX });

  async function resolve(
    request: DoorRequest,
    key: PackageKey,
    version: string,
    file: string,
  ): Promise<string> {
    registry.authorize(request.caller, "ReadFromRepository", request.repository, key);
    const distribution = file.replace(/\.provenance$/, "");
    const named = parseFileName(distribution, key.name, [version]);
    if (named === undefined || versionKey(named.version) !== versionKey(version))
      throw notFound(`'${file.slice(0, 300)}' is no file of ${key.name} ${version.slice(0, 300)}.`, "asset");
    const view = await registry.view(request.repository, key);
    return (await spellings.of(view, version)) ?? version;
  }

  return {
    serve(request, key, version, file) {
      if (file.endsWith(".metadata"))
        return beside.serveMetadata(request, key, version, file.slice(0, -".metadata".length));
      const mark = `${request.repository.id} ${key.name}/${version}/${file}`;
      const send = (spelled: string): Promise<void> | void =>
        files.serve(request, key, `${version}/${file}`, () => ({
          key,
          version: spelled,
          asset: file,
          ...(file.endsWith(".provenance") ? { contentType: "application/vnd.pypi.integrity.v1+json" } : {}),
        }));
      const find = async (instead?: { readonly of: string; readonly refusal: unknown }): Promise<void> => {
        const spelled = await resolve(request, key, version, file);
        if (spelled === instead?.of) throw instead.refusal;
        resolved.set(mark, spelled);
        await send(spelled);
      };
      const known = resolved.get(mark);
      if (known === undefined) return find();
      // The release may have gone and come again under another spelling.
      return send(known)?.catch((refusal: unknown) => {
        if (!isAbsence(refusal)) throw refusal;
        return find({ of: known, refusal });
      });
    },
  };
}

function isAbsence(error: unknown): boolean {
  return error instanceof Fault && error.code === "ResourceNotFoundException";
}
