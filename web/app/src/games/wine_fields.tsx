/** What winecfg sets, for a game that runs under Wine; most games need none of it. */

import { Field } from "../ui/field";
import { Check, type Editing, TextArea, TextInput } from "./inputs";

const VERSIONS: [string, string][] = [
  ["", "As Wine has it"],
  ["win11", "Windows 11"],
  ["win10", "Windows 10"],
  ["win81", "Windows 8.1"],
  ["win7", "Windows 7"],
  ["vista", "Windows Vista"],
  ["winxp", "Windows XP"],
  ["win2k", "Windows 2000"],
  ["winme", "Windows Me"],
  ["win98", "Windows 98"],
  ["win95", "Windows 95"],
  ["nt40", "Windows NT 4"],
  ["win31", "Windows 3.1"],
];

export function WineFields({ editing }: { editing: Editing }) {
  const { draft, faults } = editing;
  const isKnown = VERSIONS.some(([value]) => value === draft.windowsVersion);
  return (
    <details className="more">
      <summary>
        <h3>Windows settings</h3>
      </summary>
      <div className="form">
        {draft.kind === "wine" && (
          <>
            <div className="field-pair field-pair-wide">
              <Field label="Windows version" fault={faults.windowsVersion}>
                {(attributes) => (
                  <select
                    {...attributes}
                    value={draft.windowsVersion}
                    onChange={(event) => editing.set("windowsVersion", event.target.value)}
                  >
                    {!isKnown && <option value={draft.windowsVersion}>{draft.windowsVersion}</option>}
                    {VERSIONS.map(([value, label]) => (
                      <option key={value} value={value}>
                        {label}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
              <Field label="Kind of drive" fault={faults.architecture}>
                {(attributes) => (
                  <select
                    {...attributes}
                    value={draft.architecture}
                    onChange={(event) => editing.set("architecture", event.target.value as "win64" | "win32")}
                  >
                    <option value="win64">64 bit (runs 32-bit programs too)</option>
                    <option value="win32">32 bit only</option>
                  </select>
                )}
              </Field>
            </div>
            <Field
              label="Virtual desktop"
              fault={faults.virtualDesktop}
              hint="A size such as 1024x768, for a game that loses itself in full screen. Empty for none."
            >
              {(attributes) => <TextInput {...attributes} editing={editing} name="virtualDesktop" isCode />}
            </Field>
            <Check editing={editing} name="dxvk" label="DXVK: Direct3D 8 to 11 by Vulkan" />
            <Check editing={editing} name="vkd3d" label="VKD3D-Proton: Direct3D 12 by Vulkan" />
            <Field
              label="Libraries (DLL overrides)"
              fault={faults.dllOverrides}
              hint="One name=order a line: native, builtin, native,builtin, builtin,native or disabled."
            >
              {(attributes) => <TextArea {...attributes} editing={editing} name="dllOverrides" />}
            </Field>
            <Field
              label="Winetricks"
              fault={faults.winetricks}
              hint="Verbs, with spaces between them. What they download has to be in the library."
            >
              {(attributes) => <TextInput {...attributes} editing={editing} name="winetricks" isCode />}
            </Field>
          </>
        )}
        <Field
          label="Windows drive"
          fault={faults.prefix}
          hint="A prefix’s name. A game and its editor may want one each; every player has their own."
        >
          {(attributes) => <TextInput {...attributes} editing={editing} name="prefix" isCode />}
        </Field>
        <Field label="WINEDEBUG" fault={faults.wineDebug} hint="What Wine says in the game’s log. Empty: errors only.">
          {(attributes) => <TextInput {...attributes} editing={editing} name="wineDebug" isCode />}
        </Field>
      </div>
    </details>
  );
}
