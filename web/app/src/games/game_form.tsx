/** The fields of a game, for adding one and for editing one. */

import { type ReactNode, useEffect, useRef } from "react";
import { Field } from "../ui/field";
import { chosen, type Draft, type Faults, type Kind } from "./draft";
import { Check, type Editing, TextArea, TextInput } from "./inputs";
import { LibrariesChoice } from "./libraries_choice";
import { NetworkChoice } from "./network_choice";
import { ProgramChoice } from "./program_choice";
import { RuntimeChoice } from "./runtime_choice";
import type { Candidate } from "./types";
import { WineFields } from "./wine_fields";

const KINDS: { kind: Kind; label: string }[] = [
  { kind: "native", label: "Linux" },
  { kind: "wine", label: "Wine" },
  { kind: "proton", label: "Proton" },
];

interface GameFormProps {
  draft: Draft;
  faults: Faults;
  candidates: readonly Candidate[];
  onChange: (draft: Draft) => void;
  onSubmit: () => void;
  isNew: boolean;
  children: ReactNode;
}

export function GameForm({ draft, faults, candidates, onChange, onSubmit, isNew, children }: GameFormProps) {
  const form = useRef<HTMLFormElement>(null);
  const editing: Editing = { draft, faults, set: (name, value) => onChange({ ...draft, [name]: value }) };
  useEffect(() => {
    if (Object.keys(faults).length === 0) return;
    for (const closed of form.current?.querySelectorAll<HTMLDetailsElement>("details:has(.field-faulty)") ?? []) {
      closed.open = true;
    }
    form.current?.querySelector<HTMLElement>(".field-faulty :is(input, select, textarea)")?.focus();
  }, [faults]);
  return (
    <form
      ref={form}
      className="game-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
      data-testid="game-form"
    >
      <section className="panel form">
        <h2>The game</h2>
        <Field label="Title" fault={faults.title}>
          {(attributes) => <TextInput {...attributes} editing={editing} name="title" maxLength={200} />}
        </Field>
        {isNew && (
          <Field label="Id" fault={faults.gameId} hint="Its folder’s name in the library. It stays as it is.">
            {(attributes) => <TextInput {...attributes} editing={editing} name="gameId" maxLength={64} isCode />}
          </Field>
        )}
        <Field label="In one sentence" fault={faults.summary}>
          {(attributes) => <TextInput {...attributes} editing={editing} name="summary" maxLength={2000} />}
        </Field>
      </section>
      <section className="panel form">
        <h2>How it starts</h2>
        <ProgramChoice
          candidates={candidates}
          program={draft.program}
          fault={faults.program}
          onChange={(program, candidate) => onChange(candidate ? chosen(draft, candidate) : { ...draft, program })}
        />
        <fieldset className="segments" data-testid="kind-select">
          <legend className="visually-hidden">Runs as</legend>
          {KINDS.map(({ kind, label }) => (
            <label key={kind}>
              <input
                type="radio"
                name="kind"
                checked={draft.kind === kind}
                onChange={() => onChange({ ...draft, kind, directory: kind === "native" ? "game" : "program" })}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <RuntimeChoice editing={editing} />
        <Field label="Arguments" fault={faults.words} hint="Put quotes around a word that has spaces.">
          {(attributes) => <TextInput {...attributes} editing={editing} name="words" isCode />}
        </Field>
        <Field label="Starts in" fault={faults.directory}>
          {(attributes) => (
            <select
              {...attributes}
              value={draft.directory}
              onChange={(event) => editing.set("directory", event.target.value as Draft["directory"])}
            >
              {draft.kind !== "native" && <option value="program">the program’s folder</option>}
              <option value="game">the game’s folder</option>
              <option value="home">the player’s own folder</option>
            </select>
          )}
        </Field>
        <Check
          editing={editing}
          name="isInstaller"
          label="This is an installer: it is run once, and what it leaves becomes the game"
        />
        <Check
          editing={editing}
          name="keepsChanges"
          label="It may write into its own folder; each player keeps what it changes there"
        />
        <Check
          editing={editing}
          name="followsHead"
          label="It follows its player’s head (opentrack, UDP port 4242): a phone, tablet or headset may look around"
        />
        <Field label="Environment" fault={faults.environment} hint="One NAME=value a line.">
          {(attributes) => <TextArea {...attributes} editing={editing} name="environment" />}
        </Field>
        <NetworkChoice editing={editing} />
        {draft.kind === "native" && <LibrariesChoice editing={editing} />}
        {draft.kind !== "native" && <WineFields editing={editing} />}
      </section>
      <section className="panel form">
        <details className="more">
          <summary>
            <h2>Screen and limits</h2>
            <span className="more-now">
              {draft.width} × {draft.height}, {draft.memoryMib} MiB, {draft.cpuCores} cores
            </span>
          </summary>
          <div className="form">
            <div className="field-pair">
              <Field label="Width" fault={faults.width}>
                {(attributes) => <TextInput {...attributes} editing={editing} name="width" isNumber />}
              </Field>
              <Field label="Height" fault={faults.height}>
                {(attributes) => <TextInput {...attributes} editing={editing} name="height" isNumber />}
              </Field>
            </div>
            <Check editing={editing} name="isResizable" label="The desktop follows the size of the player’s window" />
            <Field
              label="Desktop"
              hint="Wayland needs sway and Xwayland where games run; programs of X11 run there too."
            >
              {(attributes) => (
                <select
                  {...attributes}
                  data-testid="desktop-select"
                  value={draft.desktop}
                  onChange={(event) => editing.set("desktop", event.target.value as typeof draft.desktop)}
                >
                  <option value="x11">X11</option>
                  <option value="wayland">Wayland</option>
                </select>
              )}
            </Field>
            <div className="field-pair">
              <Field label="Memory (MiB)" fault={faults.memoryMib}>
                {(attributes) => <TextInput {...attributes} editing={editing} name="memoryMib" isNumber />}
              </Field>
              <Field label="Processor cores" fault={faults.cpuCores}>
                {(attributes) => <TextInput {...attributes} editing={editing} name="cpuCores" isNumber />}
              </Field>
            </div>
            <Field label="Saves of each player (MiB)" fault={faults.savesMib}>
              {(attributes) => <TextInput {...attributes} editing={editing} name="savesMib" isNumber />}
            </Field>
          </div>
        </details>
      </section>
      {children}
    </form>
  );
}
