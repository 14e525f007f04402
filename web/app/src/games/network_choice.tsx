/** What network a game has: none, the internet, or one of its own with other games. */

import { Field } from "../ui/field";
import type { Draft } from "./draft";
import { type Editing, TextInput } from "./inputs";

const KINDS: readonly { kind: Draft["network"]; label: string }[] = [
  { kind: "none", label: "none" },
  { kind: "internet", label: "the internet" },
  { kind: "lan", label: "a LAN with other games" },
];

const HINTS: Record<Draft["network"], string> = {
  none: "It reaches nothing.",
  internet: "It can send out what it reads. It reaches neither this machine nor its network, nor other games.",
  lan: "Running games that name the same LAN reach each other, whoever plays them, and nothing else.",
};

export function NetworkChoice({ editing }: { editing: Editing }) {
  const { network } = editing.draft;
  return (
    <>
      <Field label="Network" fault={editing.faults.network} hint={HINTS[network]}>
        {(attributes) => (
          <select
            {...attributes}
            data-testid="network-select"
            value={network}
            onChange={(event) => editing.set("network", event.target.value as Draft["network"])}
          >
            {KINDS.map(({ kind, label }) => (
              <option key={kind} value={kind}>
                {label}
              </option>
            ))}
          </select>
        )}
      </Field>
      {network === "lan" && (
        <Field label="Name of the LAN" fault={editing.faults.lanName}>
          {(attributes) => <TextInput {...attributes} editing={editing} name="lanName" maxLength={32} isCode />}
        </Field>
      )}
    </>
  );
}
