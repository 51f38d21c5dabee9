// Which addresses outbound requests may reach: a registry must not lead this server to its own network (threats C, SSRF).
import { lookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** Networks that are not the public internet. IPv6 forms that carry an IPv4 address are judged by that address. */
const INTERNAL: readonly (readonly [string, number, "ipv4" | "ipv6"])[] = [
  ["0.0.0.0", 8, "ipv4"], // this host
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"], // carrier-grade NAT
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"], // link-local; cloud metadata
  ["172.16.0.0", 12, "ipv4"],
  ["192.0.0.0", 24, "ipv4"], // protocol assignments; one cloud's metadata
  ["192.168.0.0", 16, "ipv4"],
  ["224.0.0.0", 4, "ipv4"], // multicast
  ["240.0.0.0", 4, "ipv4"], // reserved, broadcast
  ["::", 127, "ipv6"], // unspecified, loopback
  ["64:ff9b:1::", 48, "ipv6"], // local NAT64
  ["100::", 64, "ipv6"], // discard
  ["2001::", 32, "ipv6"], // Teredo: hides another address
  ["fc00::", 7, "ipv6"], // unique local
  ["fe80::", 10, "ipv6"],
  ["fec0::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
];

const internal = new BlockList();
for (const [network, prefix, family] of INTERNAL) internal.addSubnet(network, prefix, family);

/** Groups of an IPv6 address (16 bits each) that must match, and where the IPv4 address inside begins. */
const CARRIERS: readonly { readonly prefix: readonly number[]; readonly at: number }[] = [
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6 }, // mapped
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6 }, // translated
  { prefix: [0, 0, 0, 0, 0, 0], at: 6 }, // compatible
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6 }, // NAT64
  { prefix: [0x2002], at: 1 }, // 6to4
];

/** True for an IP address of the public internet; false for anything else, and for what is no IP address. */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  if (isIP(bare) === 4) return !internal.check(bare, "ipv4");
  if (isIP(bare) !== 6 || internal.check(bare, "ipv6")) return false;
  const groups = groupsOf(bare);
  return CARRIERS.filter(({ prefix }) => prefix.every((group, i) => groups[i] === group)).every(({ at }) =>
    isPublicAddress(ipv4Of(groups[at] ?? 0, groups[at + 1] ?? 0)),
  );
}

/** The eight groups of an IPv6 address; the URL parser writes every form of it in one way. */
function groupsOf(address: string): number[] {
  const [left = "", right] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const parse = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const before = parse(left);
  const after = parse(right ?? "");
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}

function ipv4Of(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Refused by this guard, never by the network. */
export class AddressRefused extends Error {
  readonly code = "ERR_ADDRESS_REFUSED";
}

/**
 * Refuses what can be judged from the URL alone: schemes other than http and https, addresses written as such in
 * any form the URL parser knows (`2130706433`, `0x7f.1`), and the names of this host. Names are judged by
 * `guardedLookup` when they are resolved. Throws AddressRefused.
 */
export function checkUrl(url: URL): void {
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new AddressRefused(`${url.protocol} addresses are not fetched`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const internalName = /(^|\.)localhost\.?$/i.test(host);
  if (internalName || (isIP(host) !== 0 && !isPublicAddress(host))) {
    throw new AddressRefused(`${url.host} is a private, loopback or link-local address`);
  }
}

/** A look-up for sockets that gives out public addresses only, so that the address checked is the address used. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const addresses = error === null ? found.filter(({ address }) => isPublicAddress(address)) : [];
    const [first] = addresses;
    if (error !== null) callback(error, "");
    else if (first === undefined)
      callback(new AddressRefused(`${hostname} resolves to a private, loopback or link-local address`), "");
    else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};
