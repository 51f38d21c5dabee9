// The server's log: JSON lines on standard error, or one readable line each when that is a terminal.
import { pino } from "pino";

export type ServerLog = pino.Logger;

/** `base` is part of every line. */
export function createLog(level: string, base: Readonly<Record<string, unknown>> = {}): ServerLog {
  const options: pino.LoggerOptions = {
    level,
    base,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    // Secrets never reach a log, whoever logs a request by mistake.
    redact: ["headers.authorization", "headers.cookie", "authorization", "token", "secret"],
  };
  return process.stderr.isTTY
    ? pino(options, { write: writeReadable })
    : pino(options, pino.destination({ dest: 2, sync: true }));
}

function writeReadable(line: string): void {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: string; time: string; msg: string };
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  process.stderr.write(
    `${time.slice(11, 19)} ${level.padEnd(5)} ${msg}${rest.length > 0 ? `  ${rest.join(" ")}` : ""}\n`,
  );
}
