/** Where a native game gets the libraries that its cell does not have. */

import { Field } from "../ui/field";
import type { Editing } from "./inputs";
import { useRuntimes } from "./queries";
import type { Runtime } from "./types";

export interface Source {
  value: string;
  label: string;
}

/** What can be chosen: a runtime that a game names and that is not there stays, since it may only be away. Pure. */
export function librarySources(runtimes: readonly Runtime[], present: string): Source[] {
  const prefix = "runtime/";
  const names = runtimes.filter((one) => one.kind === "libraries" && one.isInstalled).map((one) => one.name);
  const wanted = present.startsWith(prefix) ? present.slice(prefix.length) : null;
  const away = wanted !== null && !names.includes(wanted) ? [wanted] : [];
  return [
    { value: "auto", label: "the game’s folder, or any runtime of the library" },
    { value: "game", label: "the game’s own folder only" },
    { value: "system", label: "nowhere else" },
    ...names.map((name) => ({ value: prefix + name, label: `${name}, even before the system’s` })),
    ...away.map((name) => ({ value: prefix + name, label: `${name} (not in the library)` })),
  ];
}

export function LibrariesChoice({ editing }: { editing: Editing }) {
  const runtimes = useRuntimes().data ?? [];
  const { libraries } = editing.draft;
  return (
    <Field
      label="Libraries that the system lacks"
      fault={editing.faults.libraries}
      hint="Runtimes, such as Steam’s, are folders in the library’s runtimes."
    >
      {(attributes) => (
        <select
          {...attributes}
          data-testid="libraries-select"
          value={libraries}
          onChange={(event) => editing.set("libraries", event.target.value)}
        >
          {librarySources(runtimes, libraries).map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
