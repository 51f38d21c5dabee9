// How a public V3 feed is read for the registry: the registration lists the versions, the catalogue leaf tells the digest.
import type { ExternalAsset, ExternalFormat, ReadOutside } from "../format.ts";
import { describeFacts } from "./facts.ts";
import { packageAsset } from "./names.ts";
import { readNuspec } from "./nuspec.ts";
import { nuspecIn } from "./package-file.ts";
import {
  JSON_ACCEPT,
  locateRegistration,
  type PublicVersion,
  publicVersions,
  readJson,
  sha512Of,
  textOf,
} from "./public-feed.ts";

export const external: ExternalFormat = {
  indexRequest() {
    throw new Error("a NuGet feed's index is located");
  },
  locateIndex: ({ name }, at) => locateRegistration(name, at),
  async versions(file, { name }, read) {
    const found = await publicVersions(file, name, read);
    return new Map(
      [...found].map(([version, { publishedAt }]) => [
        version,
        publishedAt === undefined ? {} : { publishedAt },
      ]),
    );
  },
  async version(file, { name }, version, { read }) {
    const found = (await publicVersions(file, name, read)).get(version);
    if (found === undefined) return undefined;
    const { facts, publishedAt } = found;
    const digests = await digestsOf(found, read);
    const asset = { name: packageAsset(name, version), url: found.content, digests };
    return {
      version,
      ...(publishedAt === undefined ? {} : { publishedAt }),
      assets: Object.keys(digests).length === 0 ? [] : [asset],
      metadata: describeFacts(facts),
      document: JSON.stringify(facts),
      brief: "",
    };
  },
  async inside(_version, _asset, bytes) {
    try {
      const nuspec = await nuspecIn(bytes);
      if (nuspec === undefined) return {};
      const facts = readNuspec(nuspec);
      const document = JSON.stringify(facts);
      return { texts: { metadata: describeFacts(facts), document, brief: "" } };
    } catch {
      return {}; // it is what its feed promised; what cannot be read of it stays unsaid
    }
  },
};

/** The registration may tell the digest; else the leaf it points to does. None: the version does not come in (decision 0003). */
async function digestsOf(found: PublicVersion, read: ReadOutside): Promise<ExternalAsset["digests"]> {
  const told = sha512Of(found.packageHash, found.packageHashAlgorithm);
  if (told !== undefined) return { sha512: told };
  const file = found.leaf === "" ? undefined : await read({ path: "", url: found.leaf, accept: JSON_ACCEPT });
  if (file === undefined) return {};
  const leaf = await readJson(file);
  const sha512 = sha512Of(textOf(leaf["packageHash"]), textOf(leaf["packageHashAlgorithm"]));
  return sha512 === undefined ? {} : { sha512 };
}
