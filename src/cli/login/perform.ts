// Login and logout on the files of this machine: plan, edit in memory, remember, write.

import type { Change } from "./apply.ts";
import { doSettings, settleFiles, undoSettings } from "./apply.ts";
import { isChanged, openDesk, writeSheet } from "./desk.ts";
import type { Login } from "./record.ts";
import { loadLogins, sameLogin, sameSetting, saveLogins } from "./record.ts";
import type { Around, Setting } from "./tool.ts";

export type NewLogin = Omit<Login, "settings" | "files">;

/**
 * Makes the settings. What an earlier run of the same login wrote and this one does not is undone. The record is on
 * disk before the files are, so that a crash in between leaves nothing that logout does not know.
 */
export function performLogin(
  around: Around,
  login: NewLogin,
  settings: readonly Setting[],
  dryRun: boolean,
): Change[] {
  const logins = loadLogins(around);
  const old = logins.find((each) => sameLogin(each, login));
  const others = logins.filter((each) => each !== old);
  const desk = openDesk();
  const stale = (old?.settings ?? []).filter(
    (each) =>
      !settings.some(
        (setting) => sameSetting(each, setting) && (each.member === true) === (setting.member === true),
      ),
  );
  const undone = old === undefined ? [] : undoSettings(desk, old, stale, others);
  const left = (old?.files ?? []).filter(({ file }) => !settings.some((setting) => setting.file === file));
  if (old !== undefined) settleFiles(desk, { ...old, files: left }, others);
  const { written, files, changes } = doSettings(desk, settings, old, others);
  if (dryRun) return [...undone, ...changes];
  saveLogins(around, [...others, { ...login, settings: written, files }]);
  for (const sheet of desk.sheets().filter(isChanged)) writeSheet(sheet);
  return [...undone, ...changes];
}

/** Undoes these logins, the latest first; they are forgotten once the files are written. */
export function performLogout(
  around: Around,
  chosen: (login: Login) => boolean,
  dryRun: boolean,
): { done: Login[]; changes: Change[] } {
  const logins = loadLogins(around);
  const done = logins.filter(chosen).toReversed();
  const desk = openDesk();
  const changes: Change[] = [];
  let rest = logins;
  for (const login of done) {
    changes.push(...undoSettings(desk, login, login.settings, rest));
    settleFiles(desk, login, rest);
    rest = rest.filter((each) => each !== login);
  }
  if (dryRun) return { done, changes };
  for (const sheet of desk.sheets().filter(isChanged)) writeSheet(sheet);
  if (done.length > 0) saveLogins(around, rest);
  return { done, changes };
}
