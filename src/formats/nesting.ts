// How deep a JSON text nests: deeper than any honest one, it would overflow the stack of whoever walks or writes it (threats D).

/** Documents nested deeper are nobody's manifest. */
export const DEPTH_MAX = 100;

/** Whether brackets outside strings nest deeper than DEPTH_MAX. Says nothing about whether the text is valid. */
export function nestsTooDeeply(json: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > DEPTH_MAX) return true;
    } else if (byte === 0x7d || byte === 0x5d) depth--;
  }
  return false;
}
