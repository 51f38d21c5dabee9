// Whom a request is from, when proxies stand in between (spec 6.2.7, aws:SourceIp).
import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { parseCidr } from "../core/ip-address.ts";
import { createClientAddress } from "./client-address.ts";

const PROXIES = ["10.0.0.0/8", "fd00::/8"].map(
  (text) => parseCidr(text) as NonNullable<ReturnType<typeof parseCidr>>,
);

function from(remoteAddress: string | undefined, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

test.each([
  ["nobody is trusted: the header is not read", [], "10.0.0.1", "203.0.113.9", "10.0.0.1"],
  ["a stranger's header is not believed", PROXIES, "198.51.100.7", "203.0.113.9", "198.51.100.7"],
  ["a trusted proxy says who asked it", PROXIES, "10.0.0.1", "203.0.113.9", "203.0.113.9"],
  ["an IPv4 proxy seen as IPv6 is the same one", PROXIES, "::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
  [
    "what the client wrote itself stands further left and does not count",
    PROXIES,
    "10.0.0.1",
    "127.0.0.1, 203.0.113.9",
    "203.0.113.9",
  ],
  [
    "a chain of trusted proxies is followed",
    PROXIES,
    "10.0.0.1",
    "203.0.113.9, fd00::5,10.9.9.9",
    "203.0.113.9",
  ],
  [
    "a chain in which all are trusted ends at its beginning",
    PROXIES,
    "10.0.0.1",
    "10.1.1.1, 10.2.2.2",
    "10.1.1.1",
  ],
  ["a proxy that says nothing is the client", PROXIES, "10.0.0.1", undefined, "10.0.0.1"],
  ["a name that is no address is not believed", PROXIES, "10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"],
  ["an empty header says nothing", PROXIES, "10.0.0.1", "", "10.0.0.1"],
  ["a connection that is gone has no address", PROXIES, undefined, "203.0.113.9", undefined],
])("6.2.7 %s", (_rule, trusted, socket, header, client) => {
  expect(createClientAddress(trusted)(from(socket, header))).toBe(client);
});
