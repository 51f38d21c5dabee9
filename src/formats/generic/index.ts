// The generic format as a value: any files under a namespace, a name and a version; nothing public behind it.
import type { Format } from "../format.ts";
import { open } from "./handlers.ts";
import { publishAsset } from "./publish-asset.ts";

export const generic: Format = {
  name: "generic",
  namespaces: "required",
  connections: [],
  searches: "here",
  async publishAsset(registry, upload, context) {
    await publishAsset(registry, upload, context);
  },
  open,
};
