// What is kept about a version, so that no POM is ever read again: its POM's facts, and the names of its files; pure.
import type { PackageKey } from "../../core/coordinates.ts";
import { conflict } from "../../core/faults.ts";
import type { Dependency, VersionMetadata, VersionRow, VersionTexts } from "../../registry/registry.ts";
import type { Pom } from "./pom.ts";

export interface VersionDocument {
  /** Names of files that publishers put, as they spelt them: two that differ in case only would be one file on some disks. */
  readonly files: readonly string[];
  /** As the POM tells it, for versions that show this one's files. */
  readonly metadata?: VersionMetadata;
  readonly packaging?: string;
  readonly parent?: Dependency;
  readonly dependencies?: readonly Dependency[];
  /** What the publisher calls the plugin on the command line, where that is not what its name says. */
  readonly prefix?: string;
  readonly pluginName?: string;
}

export function readDocument(text: string): VersionDocument {
  const document = (text === "" ? {} : JSON.parse(text)) as Partial<VersionDocument>;
  return { ...document, files: document.files ?? [] };
}

/** The texts of a version that has this file, and the POM if it is that. */
export function textsOf(file: string | undefined, pom: Pom | undefined): VersionTexts {
  const files = file === undefined ? [] : [file];
  return {
    metadata: pom?.metadata ?? {},
    document: JSON.stringify({ files, ...factsOf(pom) }),
    brief: "",
  };
}

function factsOf(pom: Pom | undefined): Partial<VersionDocument> {
  if (pom === undefined) return {};
  return {
    metadata: pom.metadata,
    packaging: pom.packaging,
    ...(pom.parent === undefined ? {} : { parent: pom.parent }),
    dependencies: pom.dependencies,
  };
}

/** What a held version says once the file has joined it; ConflictException when the name differs from another's in case only. */
export function joined(
  held: VersionTexts,
  key: PackageKey,
  file: string,
  pom: Pom | undefined,
): VersionTexts {
  const document = readDocument(held.document);
  const other = document.files.find((name) => name !== file && name.toLowerCase() === file.toLowerCase());
  if (other !== undefined)
    throw conflict(
      `${file} differs from ${other}, which this version of ${key.namespace}:${key.name} has already, in upper and lower case only. Call it by a name that is different everywhere.`,
      "asset",
      file,
    );
  const files = document.files.includes(file) ? document.files : [...document.files, file];
  return {
    metadata: pom?.metadata ?? held.metadata,
    document: JSON.stringify({ ...document, ...factsOf(pom), files }),
    brief: held.brief,
  };
}

/** Spec 5.8.4: as written, the POM's parent first. */
export function dependenciesOf({ document }: VersionRow): readonly Dependency[] {
  const { parent, dependencies = [] } = readDocument(document);
  return parent === undefined ? dependencies : [parent, ...dependencies];
}
