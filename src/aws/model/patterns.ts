// The model's Java regular expressions as JavaScript ones, and lengths as AWS counts them.

/** Java's `\s` is these six characters; JavaScript's takes in every Unicode space. */
const JAVA_SPACE = " \\t\\n\\x0B\\f\\r";

/** Compiles a pattern of the model: anchored at both ends, by code points. Throws on what it cannot translate faithfully. */
export function compilePattern(java: string): RegExp {
  let source = "";
  let inClass = false;
  for (let i = 0; i < java.length; i++) {
    const c = java[i] as string;
    if (c === "[") inClass = true;
    else if (c === "]") inClass = false;
    if (c !== "\\") {
      source += c;
      continue;
    }
    const escape = readEscape(java, i);
    source += translateEscape(escape, inClass);
    i += escape.length - 1;
  }
  return new RegExp(`^(?:${source})$`, "u");
}

/** `\s`, `\-`, `\p{Name}`, `\P{C}` … starting at the backslash. */
function readEscape(java: string, at: number): string {
  const close = /^\\[pP]\{/.test(java.slice(at, at + 3)) ? java.indexOf("}", at) : at + 1;
  return java.slice(at, close + 1);
}

function translateEscape(escape: string, inClass: boolean): string {
  switch (escape) {
    case "\\s":
      return inClass ? JAVA_SPACE : `[${JAVA_SPACE}]`;
    case "\\S":
      if (inClass) throw new Error("\\S inside a character class has no simple translation.");
      return `[^${JAVA_SPACE}]`;
    case "\\p{IsWhitespace}":
      return "\\p{White_Space}";
    case "\\P{C}":
    case "\\p{C}":
    case "\\-":
    case "\\.":
      return escape;
    default:
      throw new Error(`The service model uses ${escape}, whose meaning in Java has not been checked.`);
  }
}

/** Code points, as the API counts; a lone surrogate counts as one. */
export function countCodePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}
