// The client went away while it was being answered: nothing that anybody here could mend.

const CODES = new Set([
  "ECONNRESET",
  "EPIPE",
  "ABORT_ERR",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_UNABLE_TO_PIPE", // it was gone before the first byte
]);

/** Whether an answer broke off because its reader did. */
export function isHangUp(error: unknown): boolean {
  return CODES.has((error as NodeJS.ErrnoException | null)?.code ?? "");
}
