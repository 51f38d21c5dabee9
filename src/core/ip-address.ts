// IP addresses and CIDR ranges as bytes, for the conditions on where a request comes from.

export interface CidrRange {
  readonly address: readonly number[];
  readonly prefixBits: number;
}

/** Four or sixteen bytes; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address. Undefined: none. */
export function parseAddress(text: string): readonly number[] | undefined {
  if (!text.includes(":")) return parseV4(text);
  const bytes = parseV6(text.replace(/%.*$/, ""));
  const mapped =
    bytes !== undefined && bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.slice(12) : bytes;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function parseCidr(text: string): CidrRange | undefined {
  const [, host = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  const prefixBits =
    prefix === undefined
      ? address.length * 8
      : Number(prefix) - (host.includes(":") && address.length === 4 ? 96 : 0);
  return prefixBits >= 0 && prefixBits <= address.length * 8 ? { address, prefixBits } : undefined;
}

export function cidrContains({ address, prefixBits }: CidrRange, other: readonly number[]): boolean {
  if (other.length !== address.length) return false;
  return address.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefixBits - i * 8));
    const mask = (0xff00 >> bits) & 0xff;
    return (byte & mask) === ((other[i] as number) & mask);
  });
}

function parseV4(text: string): readonly number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function parseV6(text: string): readonly number[] | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = dotted === null ? undefined : parseV4(dotted[2] as string);
  if (dotted !== null && v4 === undefined) return undefined;
  const plain =
    v4 === undefined ? text : `${(dotted as RegExpExecArray)[1]}${hexPair(v4, 0)}:${hexPair(v4, 2)}`;
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[]?];
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: Math.max(missing, 0) }, () => "0"), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
}

function hexPair(bytes: readonly number[], at: number): string {
  return (((bytes[at] as number) << 8) | (bytes[at + 1] as number)).toString(16);
}
