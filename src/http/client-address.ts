// Who is at the other end of a request: the connection's own address, or what proxies that are trusted say of theirs.
import type { IncomingMessage } from "node:http";
import { type CidrRange, cidrContains, parseAddress } from "../core/ip-address.ts";

/** An address as text; undefined once the connection is gone. */
export type ClientAddress = (req: IncomingMessage) => string | undefined;

/**
 * `X-Forwarded-For` is read from its right end, where each proxy adds whom it heard: as long as the speaker is trusted,
 * the next name is believed. The left end is whatever the client wrote. A name that is no address ends it: then the
 * last speaker counts.
 */
export function createClientAddress(trusted: readonly CidrRange[]): ClientAddress {
  const isTrusted = (text: string): boolean => {
    const address = parseAddress(text);
    return address !== undefined && trusted.some((range) => cidrContains(range, address));
  };
  return ({ socket, headers }) => {
    let speaker = socket.remoteAddress;
    const told = trusted.length === 0 ? undefined : headers["x-forwarded-for"];
    if (told === undefined) return speaker;
    for (const name of String(told).split(",").toReversed()) {
      const next = name.trim();
      if (speaker === undefined || !isTrusted(speaker) || parseAddress(next) === undefined) return speaker;
      speaker = next;
    }
    return speaker;
  };
}
