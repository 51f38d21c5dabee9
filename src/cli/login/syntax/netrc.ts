// .netrc: `machine HOST login NAME password SECRET`, as words over one or several lines.
import { dropLines, eolOf, insertLines, offsetOf, splitLines } from "./lines.ts";
import { type Syntax, Unreadable } from "./syntax.ts";

interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

interface Machine {
  /** `default` has no host. */
  readonly host: string | undefined;
  readonly start: number;
  end: number;
  readonly values: Map<string, Word>;
}

function words(text: string): Word[] {
  const found: Word[] = [];
  let macro = false;
  let offset = 0;
  for (const line of splitLines(text)) {
    // A macro's body goes to the next empty line and is no setting.
    if (macro && line.trim() === "") macro = false;
    if (!macro)
      for (const match of line.matchAll(/"(?:\\.|[^"\\])*"|\S+/g)) {
        if (match[0].startsWith("#")) break;
        if (match[0] === "macdef") macro = true;
        if (macro) break;
        found.push({
          text: match[0],
          start: offset + match.index,
          end: offset + match.index + match[0].length,
        });
      }
    offset += line.length;
  }
  return found;
}

function parse(text: string): Machine[] {
  const machines: Machine[] = [];
  const list = words(text);
  for (let i = 0; i < list.length; i++) {
    const { text: word, start, end } = list[i] as Word;
    const next = list[i + 1];
    const machine = machines.at(-1);
    if (word === "default") machines.push({ host: undefined, start, end, values: new Map() });
    else if (next === undefined) throw new Unreadable(`'${mask(word)}' stands at the end without its value`);
    else if (word === "machine")
      machines.push({ host: unquote(next.text), start, end: next.end, values: new Map() });
    else if (/^(login|password|account)$/.test(word) && machine !== undefined) {
      machine.values.set(word, next);
      machine.end = next.end;
    } else throw new Unreadable("it has a word where 'machine', 'login' or 'password' is expected");
    if (word !== "default") i++;
  }
  return machines;
}

function mask(word: string): string {
  return /^(machine|login|password|account)$/.test(word) ? word : "a word";
}

function unquote(word: string): string {
  return /^".*"$/.test(word) ? word.slice(1, -1).replace(/\\(.)/g, "$1") : word;
}

function find(text: string, host: string): Machine | undefined {
  return parse(text).find((machine) => machine.host === host);
}

/** Paths are [host, "login" | "password"]. */
export const netrc: Syntax = {
  get(text, [host = "", key = ""]) {
    const word = find(text, host)?.values.get(key);
    return word && unquote(word.text);
  },
  set(text, [host = "", key = ""], value) {
    const shown = String(value);
    const machine = find(text, host);
    const word = machine?.values.get(key);
    if (word !== undefined) return text.slice(0, word.start) + shown + text.slice(word.end);
    if (machine !== undefined)
      return `${text.slice(0, machine.end)} ${key} ${shown}${text.slice(machine.end)}`;
    const lines = splitLines(text);
    // `default` matches everything: what stands behind it is never read.
    const fallback = parse(text).find((each) => each.host === undefined);
    const at =
      fallback === undefined
        ? lines.length
        : lines.findIndex((_, i) => offsetOf(lines, i + 1) > fallback.start);
    return insertLines(text, at, [`machine ${host} ${key} ${shown}`]);
  },
  remove(text, [host = "", key = ""]) {
    const machine = find(text, host);
    const word = machine?.values.get(key);
    if (machine === undefined || word === undefined) return text;
    if (machine.values.size > 1) {
      const head = text.slice(0, word.start).replace(/\s*\S+\s*$/, "");
      return head + text.slice(word.end);
    }
    const lines = splitLines(text);
    const first = lines.findIndex((_, i) => offsetOf(lines, i + 1) > machine.start);
    const last = lines.findIndex((_, i) => offsetOf(lines, i + 1) >= machine.end);
    const kept =
      text.slice(offsetOf(lines, first), machine.start) + text.slice(machine.end, offsetOf(lines, last + 1));
    if (kept.trim() === "") return dropLines(text, first, last + 1);
    return (
      text.slice(0, machine.start).replace(/[ \t]+$/, "") +
      text.slice(machine.end).replace(/^[ \t]*/, eolOf(text).slice(0, 0))
    );
  },
};
