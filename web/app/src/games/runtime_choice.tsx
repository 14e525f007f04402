/** What a Windows game is played with: whether it is there, which Protons there are, and what to do where there is none. */

import { useId } from "react";
import { Field } from "../ui/field";
import { type Editing, TextInput } from "./inputs";
import { useRuntimes } from "./queries";
import type { Runtime } from "./types";

/** What to say of the chosen runtime; null when it is there and was tried. Pure. */
export function runtimeNote(runtimes: readonly Runtime[], kind: "wine" | "proton", name: string): string | null {
  const protons = runtimes.filter((one) => one.kind === "proton" && one.isInstalled);
  const chosen = runtimes.find((one) => one.kind === kind && (kind === "wine" || one.name === name));
  if (runtimes.length === 0) return null;
  if (kind === "proton" && !chosen && protons.length === 0) {
    return "There is no Proton in the library: unpack one into its folder runtimes.";
  }
  if (kind === "proton" && !chosen) return `The library has ${protons.map((one) => one.name).join(", ")}.`;
  if (chosen?.problem) return [chosen.problem, chosen.hint].filter(Boolean).join(". ");
  if (chosen?.has32Bit === false) return `This Wine starts 64-bit programs only. ${chosen.hint ?? ""}`.trim();
  return chosen && !chosen.isVerified ? "Nobody has tried this release of Dillinger with it yet." : null;
}

export function RuntimeChoice({ editing }: { editing: Editing }) {
  const list = useId();
  const runtimes = useRuntimes().data ?? [];
  const { kind, runtime } = editing.draft;
  if (kind === "native") return null;
  const note = runtimeNote(runtimes, kind, runtime.trim());
  if (kind === "wine") {
    const isMissing = runtimes.some((one) => one.kind === "wine" && one.problem);
    return note && <p className={isMissing ? "runtime-note" : "field-hint"}>{note}</p>;
  }
  return (
    <Field
      label="Proton"
      fault={editing.faults.runtime}
      hint={note ?? "The name of its folder in the library’s runtimes."}
    >
      {(attributes) => (
        <>
          <TextInput {...attributes} editing={editing} name="runtime" list={list} isCode />
          <datalist id={list}>
            {runtimes
              .filter((one) => one.kind === "proton")
              .map((one) => (
                <option key={one.name} value={one.name}>
                  {one.version ?? one.name}
                </option>
              ))}
          </datalist>
        </>
      )}
    </Field>
  );
}
