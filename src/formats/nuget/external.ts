// How a public V3 feed is read for the registry: the registration lists the versions, the catalogue leaf tells the digest.
import type { ExternalFormat } from "../format.ts";
import { describeFacts } from "./facts.ts";
import { packageAsset } from "./names.ts";
import { readNuspec } from "./nuspec.ts";
import { nuspecIn } from "./package-file.ts";
import { digestOf, locateRegistration, publicVersions } from "./public-feed.ts";

/** See ExternalFormat.locateIndex. */
export const locateIndex: NonNullable<ExternalFormat["locateIndex"]> = ({ name }, at) =>
  locateRegistration(name, at);

export const external: ExternalFormat = {
  indexRequest() {
    throw new Error("a NuGet feed's index is located");
  },
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
    const found = (await publicVersions(file, name, read, version)).get(version);
    if (found === undefined) return undefined;
    const { facts, publishedAt } = found;
    const sha512 = await digestOf(found, read);
    const asset = { name: packageAsset(name, version), url: found.content };
    return {
      version,
      ...(publishedAt === undefined ? {} : { publishedAt }),
      // Without a digest it does not come in (decision 0003).
      assets: sha512 === undefined ? [] : [{ ...asset, digests: { sha512 } }],
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
