// How a public npm registry is read: one document per package, parsed on the document worker.
import type { ExternalFormat } from "../format.ts";
import { plainIndex } from "../index-files.ts";
import { documentWorker } from "./document-worker.ts";
import { nameOf } from "./names.ts";

export const external: ExternalFormat = {
  indexRequest(key) {
    // The full form: the abbreviated one lacks publication times and half of what DescribePackageVersion tells.
    return {
      path: encodeURIComponent(nameOf(key)).replace(/^%40/, "@").replace("%2F", "%2f"),
      accept: "application/json",
    };
  },
  versions: (file, key) => documentWorker.ask("versions", { key, file: plainIndex(file) }),
  version: (file, key, version) => documentWorker.ask("version", { key, file: plainIndex(file), version }),
};
