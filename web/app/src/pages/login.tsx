/** Who are you? And, at the first login, a password of one's own. */

import { type FormEvent, type ReactNode, useId, useState } from "react";
import { ApiProblem } from "../api/client";
import { useChangePassword, useLogin, useLogout, useMe } from "../api/queries";
import { Icon } from "../ui/icons";
import { Mark, Wordmark } from "../ui/logo";
import { useTitle } from "../use_title";
import { waitWords } from "../words";

/** The password that was just typed, so that a one-time one need not be typed again; gone with the page. */
let justTyped = "";

export function LoginPage() {
  useTitle("Log in");
  const login = useLogin();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    justTyped = password;
    login.mutate({ name: name.trim(), password });
  };
  return (
    <Gate onSubmit={submit} title="Log in" text="To play the games on this machine.">
      <Field label="Name" value={name} onChange={setName} autoComplete="username" testId="login-name" isFocused />
      <Field
        label="Password"
        value={password}
        onChange={setPassword}
        autoComplete="current-password"
        testId="login-password"
        isSecret
      />
      {login.error && <Fault text={loginFault(login.error)} testId="login-error" />}
      <button
        className="button button-primary button-wide"
        type="submit"
        disabled={login.isPending}
        data-testid="login-submit"
      >
        {login.isPending ? "Logging in…" : "Log in"}
      </button>
      <p className="gate-note">
        First time here? The name and a one-time password were printed where Dillinger was started.
      </p>
    </Gate>
  );
}

function loginFault(error: Error): string {
  if (!(error instanceof ApiProblem)) return error.message;
  if (error.status === 429) {
    const wait = error.retryAfterS ? `Try again in ${waitWords(error.retryAfterS)}.` : "Wait a little and try again.";
    return `Too many tries. ${wait}`;
  }
  if (error.code === "login_failed") return "Name or password is not right.";
  return error.message;
}

/** Asked for when the password is a one-time one, and offered in the settings. */
export function PasswordForm({ isFirst }: { isFirst: boolean }) {
  const change = useChangePassword();
  const name = useMe().data?.user.name ?? "";
  const [old, setOld] = useState(isFirst ? justTyped : "");
  const [asksOld] = useState(old === "");
  const [fresh, setFresh] = useState("");
  const [repeated, setRepeated] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const found = passwordFault(fresh, repeated);
    setFault(found);
    if (found) return;
    justTyped = "";
    change.mutate({ old_password: old, new_password: fresh });
  };
  return (
    <form className="form" onSubmit={submit}>
      {/* What a password manager keeps the new password under. */}
      <input className="visually-hidden" autoComplete="username" value={name} readOnly tabIndex={-1} aria-hidden />
      {(asksOld || change.error) && (
        <Field
          label={isFirst ? "One-time password" : "Present password"}
          value={old}
          onChange={setOld}
          autoComplete="current-password"
          testId="password-old"
          isSecret
        />
      )}
      <Field
        label="New password"
        value={fresh}
        onChange={setFresh}
        autoComplete="new-password"
        testId="password-new"
        isSecret
        isFocused={isFirst}
      />
      <Field
        label="New password again"
        value={repeated}
        onChange={setRepeated}
        autoComplete="new-password"
        testId="password-repeat"
        isSecret
      />
      {(fault ?? change.error) && <Fault text={fault ?? change.error?.message ?? ""} testId="password-error" />}
      {change.isSuccess && !isFirst && (
        <p className="done" role="status">
          Your password was changed.
        </p>
      )}
      <button
        className="button button-primary button-wide"
        type="submit"
        disabled={change.isPending}
        data-testid="password-submit"
      >
        {change.isPending ? "Saving…" : "Set password"}
      </button>
    </form>
  );
}

/** What is wrong with a new password; null is nothing. */
export function passwordFault(fresh: string, repeated: string): string | null {
  if ([...fresh].length < 8) return "Use at least 8 characters.";
  if (fresh !== repeated) return "The two are not the same.";
  return null;
}

export function FirstPasswordPage() {
  const logout = useLogout();
  return (
    <Gate
      title="Choose a password"
      text="The printed password is good until you choose your own. From then on, yours opens the door."
    >
      <PasswordForm isFirst />
      <button className="button button-quiet button-wide" type="button" onClick={() => logout.mutate()}>
        Log out
      </button>
      {logout.error && <Fault text={logout.error.message} testId="error-box" />}
    </Gate>
  );
}

interface GateProps {
  title: string;
  text: string;
  children: ReactNode;
  onSubmit?: (event: FormEvent) => void;
}

function Gate({ title, text, children, onSubmit }: GateProps) {
  return (
    <main className="gate">
      <div className="gate-art" aria-hidden="true">
        <Mark isBusy />
        <p className="gate-motto">
          Your machine.
          <br />
          Your games.
          <br />
          Any browser.
        </p>
      </div>
      <div className="gate-panel">
        <div className="gate-box">
          <Wordmark />
          <h1>{title}</h1>
          <p className="gate-text">{text}</p>
          {onSubmit ? (
            <form className="form" onSubmit={onSubmit}>
              {children}
            </form>
          ) : (
            children
          )}
        </div>
      </div>
    </main>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  autoComplete: string;
  testId: string;
  isSecret?: boolean;
  isFocused?: boolean;
}

function Field({ label, value, onChange, autoComplete, testId, isSecret = false, isFocused = false }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type={isSecret ? "password" : "text"}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        autoComplete={autoComplete}
        autoCapitalize="none"
        spellCheck={false}
        required
        maxLength={256}
        // biome-ignore lint/a11y/noAutofocus: the page is this form
        autoFocus={isFocused}
        data-testid={testId}
      />
    </div>
  );
}

function Fault({ text, testId }: { text: string; testId: string }) {
  return (
    <p className="fault" role="alert" data-testid={testId}>
      <Icon name="warning" />
      <span>{text}</span>
    </p>
  );
}
