// Which spelling of a version a repository knows a release by: the first that came, so that 1.0 and 1.0.0 do not become two releases (PEP 440).
import type { PackageView, Registry } from "../../registry/registry.ts";
import { indexFilesOf } from "../index-files.ts";
import type { DocumentWorker } from "./document-worker.ts";
import { versionKey } from "./names.ts";

export interface Spellings {
  /** The spelling under which what the view may show knows this version; undefined when it knows none. */
  of(view: PackageView, version: string): Promise<string | undefined>;
}

/** What is held goes before what public indexes list, and sources go in search order. */
export function createSpellings(registry: Registry, worker: DocumentWorker): Spellings {
  return {
    async of(view, version) {
      const wanted = versionKey(version);
      if (view.local.length > 0) {
        const listed = (await registry.listedVersions(view)).map((row) => row.version);
        const held = [...listed, ...(await registry.withheldVersions(view))];
        if (held.includes(version)) return version;
        const equal = held.find((number) => versionKey(number) === wanted);
        if (equal !== undefined) return equal;
      }
      for (const file of indexFilesOf(view)) {
        const spelled = await worker.ask("spelling", { project: view.key.name, file, version });
        if (spelled !== undefined) return spelled;
      }
      return undefined;
    },
  };
}
