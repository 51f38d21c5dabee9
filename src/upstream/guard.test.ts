// Which addresses may be reached: every way of writing an internal one is refused.
import type { LookupAddress } from "node:dns";
import { describe, expect, test } from "vitest";
import { checkUrl, guardedLookup, isPublicAddress } from "./guard.ts";

const INTERNAL = [
  "0.0.0.0",
  "0.1.2.3",
  "10.0.0.1",
  "10.255.255.255",
  "100.64.0.1",
  "100.127.255.255",
  "127.0.0.1",
  "127.255.0.1",

  "169.254.169.254",
  "172.16.0.1",
  "172.31.255.255",
  "192.0.0.192",
  "192.168.0.1",
  "224.0.0.1",
  "239.255.255.255",
  "240.0.0.1",
  "255.255.255.255",

  "::",
  "::1",
  "fc00::1",
  "fdff::1",
  "fe80::1",
  "fe80::1%eth0",
  "febf::1",
  "fec0::1",
  "ff02::1",
  "100::1",
  "2001::1",
  "::ffff:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:a00:1",
  "::127.0.0.1",
  "::ffff:0:10.0.0.1",

  "64:ff9b::7f00:1",
  "64:ff9b::169.254.169.254",
  "64:ff9b:1::8.8.8.8",
  "2002:7f00:1::",
  "2002:a9fe:a9fe::1",
];
const PUBLIC = [
  "1.1.1.1",
  "8.8.8.8",
  "11.0.0.1",
  "100.63.255.255",
  "100.128.0.1",
  "126.0.0.1",
  "128.0.0.1",
  "169.253.0.1",
  "172.15.0.1",
  "172.32.0.1",
  "192.167.0.1",
  "192.169.0.1",
  "223.255.255.255",
  "2606:4700::1",
  "2001:4860::8888",
  "::ffff:8.8.8.8",
  "64:ff9b::8.8.8.8",
  "2002:808:808::1",
];

describe("an address", () => {
  test.each(INTERNAL)("%s is not public", (address) => expect(isPublicAddress(address)).toBe(false));
  test.each(PUBLIC)("%s is public", (address) => expect(isPublicAddress(address)).toBe(true));
  test.each(["", "registry.example", "1.2.3", "1.2.3.4.5", "::g"])(
    "%j is no address, so not public",
    (text) => expect(isPublicAddress(text)).toBe(false),
  );
});

describe("a URL", () => {
  test.each([
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "[::1]",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",

    "127.1",
    "0",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "127.0.0.1.",
    "[fd00::1]",
    "[fe80::1]",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "10.1",
    "user:secret@10.0.0.1",
  ])("http://%s/ is refused", (host) => {
    expect(() => checkUrl(new URL(`http://${host}/`))).toThrow("private, loopback or link-local");
  });

  test.each(["file:///etc/passwd", "ftp://registry.example/", "data:text/plain,x"])(
    "%s is refused for its scheme",
    (url) => {
      expect(() => checkUrl(new URL(url))).toThrow("not fetched");
    },
  );

  test.each([
    "https://registry.example/",
    "http://8.8.8.8:8080/",
    "https://[2606:4700::1]/",
    "http://localhost.example/",
  ])("%s may be reached", (url) => expect(() => checkUrl(new URL(url))).not.toThrow());
});

describe("a name", () => {
  const resolve = (name: string, all: boolean) =>
    new Promise<string | LookupAddress[]>((resolve, reject) => {
      guardedLookup(name, { all }, (error, found) => (error === null ? resolve(found) : reject(error)));
    });

  test.each([true, false])("that resolves to a private address is refused (all: %s)", async (all) => {
    await expect(resolve("localhost", all)).rejects.toThrow("localhost resolves to a private");
  });

  test("that is a public address stays as it is", async () => {
    expect(await resolve("8.8.8.8", false)).toBe("8.8.8.8");
    expect(await resolve("8.8.8.8", true)).toEqual([{ address: "8.8.8.8", family: 4 }]);
  });

  test("that does not resolve fails as itself", async () => {
    await expect(resolve("does-not-exist.invalid", true)).rejects.toMatchObject({
      hostname: "does-not-exist.invalid",
    });
  });
});
