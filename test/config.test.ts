// What the configuration is whoever gets it: workers are told theirs as JSON (cluster/messages.ts).
import { expect, test } from "vitest";
import { loadConfig } from "../src/config.ts";

test.each([
  ["by default", {}],
  ["with everything that can be switched off", { "blob-redirects": "off", "scrub-days": "0", audit: "off" }],
  [
    "with ranges and registries",
    { "trusted-proxies": "10.0.0.0/8,::1", upstream: ["public:npmjs=http://127.0.0.1:1/"] },
  ],
])("a worker's configuration is the one that was read, %s", (_which, flags) => {
  const config = loadConfig(flags, {}, "/nowhere");
  expect(JSON.parse(JSON.stringify(config))).toEqual(config);
});
