// A file that is all ours: its text is the setting.
import type { Syntax } from "./syntax.ts";

export const whole: Syntax = {
  get: (text) => (text === "" ? undefined : text),
  set: (_text, _path, value) => String(value),
  remove: () => "",
};
