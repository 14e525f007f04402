/** What belongs to this browser (look), to this person (password), and to this machine (its certificate authority). */

import { LAYOUTS } from "../../../player/src";
import { useMe } from "../api/queries";
import { ownLayoutLabel } from "../keyboard";
import { setPreferences, type Theme, usePreferences } from "../preferences";
import { Field } from "../ui/field";
import { Icon } from "../ui/icons";
import { Shell } from "../ui/shell";
import { useTitle } from "../use_title";
import { PasswordForm } from "./login";
import { isOutputSelectable, SoundOutput } from "./sound_output";

const THEMES: { value: Theme; label: string }[] = [
  { value: "auto", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

export function SettingsPage({ isConnected }: { isConnected: boolean }) {
  useTitle("Settings");
  const { theme, sharesClipboard, keyboard } = usePreferences();
  const me = useMe();
  return (
    <Shell isConnected={isConnected}>
      <div className="settings">
        <h1>Settings</h1>
        <section className="panel">
          <h2>Look</h2>
          <fieldset className="segments" data-testid="theme-select">
            <legend className="visually-hidden">Theme</legend>
            {THEMES.map(({ value, label }) => (
              <label key={value}>
                <input
                  type="radio"
                  name="theme"
                  value={value}
                  checked={theme === value}
                  onChange={() => setPreferences({ theme: value })}
                />
                <span>{label}</span>
              </label>
            ))}
          </fieldset>
        </section>
        {isOutputSelectable() && (
          <section className="panel">
            <h2>Sound</h2>
            <SoundOutput />
          </section>
        )}
        <section className="panel">
          <h2>Keyboard</h2>
          <Field label="Layout of your keyboard" hint="Games then get the letters that are printed on your keys.">
            {(attributes) => (
              <select
                {...attributes}
                value={keyboard}
                onChange={(event) => setPreferences({ keyboard: event.target.value })}
                data-testid="keyboard-select"
              >
                <option value="auto">Automatic: {ownLayoutLabel()}</option>
                {LAYOUTS.map(({ name, label }) => (
                  <option key={name} value={name}>
                    {label}
                  </option>
                ))}
              </select>
            )}
          </Field>
        </section>
        <section className="panel">
          <h2>Copy and paste</h2>
          <label className="check">
            <input
              type="checkbox"
              checked={sharesClipboard}
              onChange={(event) => setPreferences({ sharesClipboard: event.target.checked })}
              data-testid="clipboard-switch"
            />
            <span>Share copied text and pictures with the game I play</span>
          </label>
          <p className="panel-note">
            A game gets what you paste into it, at that moment and nothing else. What it copies goes to your clipboard.
          </p>
        </section>
        <section className="panel">
          <h2>Trust this machine</h2>
          <p>
            Dillinger made a certificate authority of its own when it first started. Install its root on your devices
            once, and the browser’s warning goes away; full speed, sound and full keyboard need a page that the browser
            trusts.
          </p>
          <p className="panel-note">
            Chrome and Edge: Settings → Privacy and security → Security → Manage certificates. Firefox: Settings →
            Certificates → Authorities. iPhone and iPad: open the file, then Settings → General → About → Certificate
            Trust Settings.
          </p>
          <a className="button" href="/api/v1/ca.pem" download="dillinger-ca.pem" data-testid="ca-link">
            <Icon name="download" />
            Download the root certificate
          </a>
        </section>
        <section className="panel">
          <h2>Password of {me.data?.user.name}</h2>
          <PasswordForm isFirst={false} />
        </section>
      </div>
    </Shell>
  );
}
