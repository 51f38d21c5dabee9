// Operations on packages: what a repository itself holds, and each package's origin settings (spec 1.5, 2.1, 4.6, 5.8.1).
import { invalid } from "../../core/faults.ts";
import * as administer from "../../registry/administer.ts";
import { packageNotFound } from "../../registry/publish.ts";
import type { PackageRecord } from "../../store/packages.ts";
import { findPackage, listPackages as listPackageRows } from "../../store/packages.ts";
import type { Call } from "../dispatch.ts";
import type { Operations, PackageSummary } from "../model/types.gen.ts";
import type { AwsDeps, PackageInput } from "./context.ts";
import { openPackage, openRepository } from "./context.ts";
import { loadPage } from "./page.ts";

/** Spec 5.8.1. */
const PAGE_SIZE = 100;

/** Works for a package without versions too; shows the package's own settings, not the group's (spec 2.3.5). */
export async function describePackage(
  input: Operations["DescribePackage"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DescribePackage"]["output"]> {
  const { repository, key } = await openPackage(deps, call, input, "DescribePackage");
  const held = await findPackage(deps.database.read, repository.id, key);
  if (held === undefined) throw packageNotFound(repository, key);
  const { package: name, ...rest } = summarize(held);
  return { package: { ...rest, name } };
}

export async function listPackages(
  input: Operations["ListPackages"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["ListPackages"]["output"]> {
  if (input.namespace !== undefined && input.format === undefined) {
    throw invalid("A namespace filter needs a format: give 'format' as well.");
  }
  const { id } = await openRepository(deps, call, input, "ListPackages");
  const { format, namespace: namespacePrefix, packagePrefix: namePrefix, publish, upstream } = input;
  const { rows, nextToken } = await loadPage<PackageRecord, readonly [string, string, string]>(deps, call, {
    operation: "ListPackages",
    input,
    sizeDefault: PAGE_SIZE,
    load: (after, limit) =>
      listPackageRows(
        deps.database.lagging,
        id,
        { format, namespacePrefix, namePrefix, publish, upstream },
        after && { format: after[0], namespace: after[1], name: after[2] },
        limit,
      ),
    positionOf: ({ key }) => [key.format, key.namespace, key.name],
  });
  return { packages: rows.map(summarize), nextToken };
}

/** Versions and origin settings go; the answer shows what the settings were (spec 5.5.2). */
export async function deletePackage(
  input: Operations["DeletePackage"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["DeletePackage"]["output"]> {
  const { repository, key } = await openPackage(deps, call, input, "DeletePackage");
  const gone = await deps.registry.deletePackage(repository, key, call);
  if (gone === undefined) throw packageNotFound(repository, key);
  return { deletedPackage: summarize(gone) };
}

/** Creates an absent package, so that a name can be guarded before its first version (spec 2.1.3). */
export async function putPackageOriginConfiguration(
  input: Operations["PutPackageOriginConfiguration"]["input"],
  call: Call,
  deps: AwsDeps,
): Promise<Operations["PutPackageOriginConfiguration"]["output"]> {
  refuseInertName(input);
  const { repository, key } = await openPackage(deps, call, input, "PutPackageOriginConfiguration");
  const restrictions = await administer.putOriginConfiguration(
    deps,
    repository,
    key,
    input.restrictions,
    call,
  );
  return { originConfiguration: { restrictions } };
}

/** Settings under a spelling that no client's request is ever looked up by would guard nothing: refuse, do not store. */
function refuseInertName({ format, package: name }: PackageInput): void {
  const normalized = name.toLowerCase().replace(/[-_.]+/g, "-");
  if (format === "pypi" && name !== normalized) {
    throw invalid(`A PyPI package is addressed by its normalised name: '${normalized}', not '${name}'.`);
  }
}

function summarize({
  key,
  settings,
}: Pick<PackageRecord, "key" | "settings">): PackageSummary & { readonly package: string } {
  const { publish, upstream } = settings;
  return {
    format: key.format,
    ...(key.namespace === "" ? {} : { namespace: key.namespace }),
    package: key.name,
    originConfiguration: { restrictions: { publish, upstream } },
  };
}
