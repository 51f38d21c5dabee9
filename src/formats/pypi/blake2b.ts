// BLAKE2b with a 32-byte digest (RFC 7693), which uploaders send and OpenSSL's BLAKE2b, always 64 bytes long in Node, cannot check.

const BLOCK = 128;

/** 64-bit words as two 32-bit halves, low first: BigInt is far too slow for wheels. */
const IV = Uint32Array.of(
  0xf3bcc908,
  0x6a09e667,
  0x84caa73b,
  0xbb67ae85,
  0xfe94f82b,
  0x3c6ef372,
  0x5f1d36f1,
  0xa54ff53a,
  0xade682d1,
  0x510e527f,
  0x2b3e6c1f,
  0x9b05688c,
  0xfb41bd6b,
  0x1f83d9ab,
  0x137e2179,
  0x5be0cd19,
);

const SIGMA: readonly (readonly number[])[] = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
/** Twelve rounds; indexes of halves, one after the other. */
const ORDER = Uint8Array.from(
  [...SIGMA, SIGMA[0] as number[], SIGMA[1] as number[]].flat().map((word) => word * 2),
);

export interface Blake2b {
  update(chunk: Uint8Array): void;
  /** 64 characters of lower-case hex; call it once. */
  hex(): string;
}

export function createBlake2b256(): Blake2b {
  const h = Uint32Array.from(IV);
  h[0] = (h[0] as number) ^ 0x01010020; // no key, 32 bytes
  const block = Buffer.alloc(BLOCK);
  const m = new Uint32Array(32);
  /** The same memory: every machine that Node runs on here keeps the low byte first, as BLAKE2 does. */
  const words = Buffer.from(m.buffer);
  const v = new Uint32Array(32);
  let held = 0;
  let total = 0;

  function compress(bytes: Buffer, at: number, last: boolean): void {
    bytes.copy(words, 0, at, at + BLOCK);
    v.set(h);
    v.set(IV, 16);
    v[24] = (v[24] as number) ^ (total >>> 0);
    v[25] = (v[25] as number) ^ Math.floor(total / 0x1_0000_0000);
    if (last) {
      v[28] = ~(v[28] as number);
      v[29] = ~(v[29] as number);
    }
    for (let r = 0; r < 192; r += 16) {
      mix(v, m, 0, 8, 16, 24, ORDER[r] as number, ORDER[r + 1] as number);
      mix(v, m, 2, 10, 18, 26, ORDER[r + 2] as number, ORDER[r + 3] as number);
      mix(v, m, 4, 12, 20, 28, ORDER[r + 4] as number, ORDER[r + 5] as number);
      mix(v, m, 6, 14, 22, 30, ORDER[r + 6] as number, ORDER[r + 7] as number);
      mix(v, m, 0, 10, 20, 30, ORDER[r + 8] as number, ORDER[r + 9] as number);
      mix(v, m, 2, 12, 22, 24, ORDER[r + 10] as number, ORDER[r + 11] as number);
      mix(v, m, 4, 14, 16, 26, ORDER[r + 12] as number, ORDER[r + 13] as number);
      mix(v, m, 6, 8, 18, 28, ORDER[r + 14] as number, ORDER[r + 15] as number);
    }
    for (let i = 0; i < 16; i++) h[i] = (h[i] as number) ^ (v[i] as number) ^ (v[i + 16] as number);
  }

  return {
    update(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let at = 0;
      while (at < bytes.length) {
        if (held === BLOCK) {
          total += BLOCK;
          compress(block, 0, false);
          held = 0;
        }
        // Whole blocks straight from the chunk; the last one is kept, for it may be the last of all.
        if (held === 0)
          for (; bytes.length - at > BLOCK; at += BLOCK) {
            total += BLOCK;
            compress(bytes, at, false);
          }
        const part = bytes.copy(block, held, at, Math.min(bytes.length, at + BLOCK - held));
        held += part;
        at += part;
      }
    },
    hex() {
      total += held;
      block.fill(0, held);
      compress(block, 0, true);
      const digest = Buffer.alloc(32);
      for (let i = 0; i < 8; i++) digest.writeUInt32LE(h[i] as number, i * 4);
      return digest.toString("hex");
    },
  };
}

/** The function G of RFC 7693, section 3.1. All arguments after `m` are indexes of low halves. */
function mix(
  v: Uint32Array,
  m: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  x: number,
  y: number,
): void {
  add3(v, a, b, m[x] as number, m[x + 1] as number);
  let lo = (v[d] as number) ^ (v[a] as number);
  let hi = (v[d + 1] as number) ^ (v[a + 1] as number);
  v[d] = hi; // turned by 32
  v[d + 1] = lo;
  add(v, c, d);
  lo = (v[b] as number) ^ (v[c] as number);
  hi = (v[b + 1] as number) ^ (v[c + 1] as number);
  v[b] = (lo >>> 24) | (hi << 8);
  v[b + 1] = (hi >>> 24) | (lo << 8);
  add3(v, a, b, m[y] as number, m[y + 1] as number);
  lo = v[d] ^ (v[a] as number);
  hi = (v[d + 1] as number) ^ (v[a + 1] as number);
  v[d] = (lo >>> 16) | (hi << 16);
  v[d + 1] = (hi >>> 16) | (lo << 16);
  add(v, c, d);
  lo = v[b] ^ (v[c] as number);
  hi = (v[b + 1] as number) ^ (v[c + 1] as number);
  v[b] = (hi >>> 31) | (lo << 1);
  v[b + 1] = (lo >>> 31) | (hi << 1);
}

function add(v: Uint32Array, a: number, b: number): void {
  const low = (v[a] as number) + (v[b] as number);
  v[a + 1] = (v[a + 1] as number) + (v[b + 1] as number) + (low >= 0x1_0000_0000 ? 1 : 0);
  v[a] = low;
}

function add3(v: Uint32Array, a: number, b: number, low: number, high: number): void {
  const sum = (v[a] as number) + (v[b] as number) + low;
  v[a + 1] = (v[a + 1] as number) + (v[b + 1] as number) + high + Math.floor(sum / 0x1_0000_0000);
  v[a] = sum;
}
