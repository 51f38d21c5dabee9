// Lines with their ends: so that what is not edited stays byte for byte, CRLF and a missing last newline included.

/** Every line with its end; joined, they are the text. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

export function eolOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

/** Inserts lines (given without ends) before line `index`. */
export function insertLines(text: string, index: number, added: readonly string[]): string {
  const lines = splitLines(text);
  const eol = eolOf(text);
  const last = lines[index - 1];
  if (last !== undefined && !last.endsWith("\n")) lines[index - 1] = last + eol;
  lines.splice(index, 0, ...added.map((line) => line + eol));
  return lines.join("");
}

export function dropLines(text: string, start: number, end: number): string {
  const lines = splitLines(text);
  lines.splice(start, end - start);
  return lines.join("");
}

/** How many characters the lines before `index` have. */
export function offsetOf(lines: readonly string[], index: number): number {
  return lines.slice(0, index).reduce((sum, line) => sum + line.length, 0);
}

/** A line without its end. */
export function bare(line: string): string {
  return line.replace(/\r?\n$/, "");
}

export function isBlank(line: string): boolean {
  return line.trim() === "";
}
