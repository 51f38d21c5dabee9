// The memory store keeps the contract.
import { blobStoreSuite } from "./blob-store.suite.ts";
import { createMemoryStore } from "./memory.ts";

blobStoreSuite({
  name: "memory",
  largeBytes: 3_000_000,
  memoryBounded: false,
  make: async () => ({
    store: createMemoryStore(),
    restart: undefined,
    leftovers: async () => [],
    remove: async () => {},
  }),
});
