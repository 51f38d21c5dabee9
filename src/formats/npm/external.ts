// How a public npm registry is read: one document per package, parsed on the document worker.
import type { ExternalFormat, IndexFile } from "../format.ts";
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
  versions: (file, key) => documentWorker.ask("versions", { key, file: plain(file) }),
  version: (file, key, version) => documentWorker.ask("version", { key, file: plain(file), version }),
};

/** Only what the worker needs: an index may carry more than can be sent to a thread. */
function plain({ connection, file, gzip, digest, url }: IndexFile): IndexFile {
  return { connection, file, gzip, digest, url };
}
