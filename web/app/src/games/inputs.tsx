/** The controls of the form, each tied to one field of the draft. */

import type { Draft, Faults, Field } from "./draft";

export interface Editing {
  draft: Draft;
  faults: Faults;
  set: <N extends Field>(name: N, value: Draft[N]) => void;
}

type TextName = { [N in Field]: Draft[N] extends string ? (string extends Draft[N] ? N : never) : never }[Field];
type CheckName = { [N in Field]: Draft[N] extends boolean ? N : never }[Field];

interface InputProps {
  editing: Editing;
  name: TextName;
  id: string;
  maxLength?: number;
  isCode?: boolean;
  isNumber?: boolean;
  /** The id of a datalist. */
  list?: string;
}

export function TextInput({ editing, name, maxLength, isCode, isNumber, ...attributes }: InputProps) {
  return (
    <input
      {...attributes}
      className={isCode ? "code" : undefined}
      value={editing.draft[name]}
      onChange={(event) => editing.set(name, event.target.value)}
      maxLength={maxLength}
      inputMode={isNumber ? "decimal" : undefined}
      spellCheck={isCode || isNumber ? false : undefined}
      autoCapitalize={isCode ? "off" : undefined}
      autoComplete="off"
      data-testid={`field-${name}`}
    />
  );
}

export function TextArea({ editing, name, ...attributes }: InputProps) {
  const rows = Math.min(8, Math.max(2, editing.draft[name].split("\n").length));
  return (
    <textarea
      {...attributes}
      className="code"
      value={editing.draft[name]}
      onChange={(event) => editing.set(name, event.target.value)}
      rows={rows}
      spellCheck={false}
      autoCapitalize="off"
      data-testid={`field-${name}`}
    />
  );
}

export function Check({ editing, name, label }: { editing: Editing; name: CheckName; label: string }) {
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={editing.draft[name]}
        onChange={(event) => editing.set(name, event.target.checked)}
        data-testid={`field-${name}`}
      />
      <span>{label}</span>
    </label>
  );
}
