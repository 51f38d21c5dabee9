// How far a long command has come, on standard error: one line that changes on a terminal, else a line now and then.

export interface Progress {
  /** A new part of the work; what it replaces is left standing as done. */
  begin(what: string): void;
  /** How far that part has come. */
  tell(state: string): void;
  /** A line that stays. */
  note(line: string): void;
  end(): void;
}

/** Where lines go; process.stderr, or what a test gives. */
export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const TERMINAL_MS = 200;
const LINES_MS = 10_000;

export function createProgress(output: Output): Progress {
  const onTerminal = output.isTTY === true;
  let what = "";
  let state = "";
  let shown = "";
  let shownAt = 0;
  const show = (): void => {
    const line = state === "" ? what : `${what}: ${state}`;
    if (line === shown || what === "") return;
    output.write(onTerminal ? `\r\x1b[K${line}` : `${line}\n`);
    shown = line;
    shownAt = performance.now();
  };
  const settle = (): void => {
    if (what === "") return;
    show();
    if (onTerminal) output.write("\n");
    what = state = shown = "";
  };
  return {
    begin(next) {
      settle();
      what = next;
      shownAt = performance.now();
      if (onTerminal) show();
    },
    tell(next) {
      state = next;
      if (performance.now() - shownAt >= (onTerminal ? TERMINAL_MS : LINES_MS)) show();
    },
    note(line) {
      settle();
      output.write(`${line}\n`);
    },
    end: settle,
  };
}

/** 1234567 as "1.2 MB". */
export function printBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1_000 && unit < units.length - 1; unit++) value /= 1_000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
