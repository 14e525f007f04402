/** Links for people without an account: made, copied, listed with who came by them, and revoked. */

import { type FormEvent, useState } from "react";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { type GuestRole, type Invitation, linkOf, useInvitations, useInvite, useRevoke } from "./queries";

const LIFETIMES: [string, string][] = [
  ["", "until the game ends"],
  ["3600", "for an hour"],
  ["86400", "for a day"],
];

export function Invite({ sessionId }: { sessionId: string }) {
  const invitations = useInvitations(sessionId);
  const invite = useInvite(sessionId);
  const revoke = useRevoke(sessionId);
  const [role, setRole] = useState<GuestRole>("viewer");
  const [lifetime, setLifetime] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    invite.mutate({ role, lifetime_s: lifetime ? Number(lifetime) : null });
  };
  const made = invite.data;
  const isGood = made && invitations.data?.some((one) => one.invitation_id === made.invitation.invitation_id);
  return (
    <section className="invite" aria-labelledby="invite-title">
      <h3 id="invite-title">Ask somebody in</h3>
      <form onSubmit={submit} className="invite-form">
        <select
          value={role}
          onChange={(event) => setRole(event.target.value as GuestRole)}
          aria-label="What guests may do"
          data-testid="invite-role"
        >
          <option value="viewer">To watch</option>
          <option value="player">To watch and play</option>
        </select>
        <select
          value={lifetime}
          onChange={(event) => setLifetime(event.target.value)}
          aria-label="How long the link is good"
          data-testid="invite-lifetime"
        >
          {LIFETIMES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <button className="button" type="submit" disabled={invite.isPending} data-testid="invite-make">
          <Icon name="plus" />
          Make a link
        </button>
      </form>
      {isGood && <FreshLink link={linkOf(location.origin, made.invitation.invitation_id, made.token)} />}
      {(invite.error ?? revoke.error ?? invitations.error) && (
        <Problem error={(invite.error ?? revoke.error ?? invitations.error) as Error} />
      )}
      <ul className="invitations">
        {invitations.data?.map((one) => (
          <li key={one.invitation_id} className="person" data-testid="invitation">
            <Icon name={one.role === "player" ? "gamepad" : "eye"} />
            <span className="person-name">
              {one.role === "player" ? "May play" : "May watch"}
              <small>{about(one)}</small>
            </span>
            <button
              className="button"
              type="button"
              onClick={() => revoke.mutate(one.invitation_id)}
              data-testid="invitation-revoke"
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function about(one: Invitation): string {
  const guests = one.guests === 1 ? "1 guest here" : `${one.guests} guests here`;
  if (one.expires_at === null) return `${guests}, good until the game ends`;
  const until = new Date(one.expires_at).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
  return `${guests}, good until ${until}`;
}

function FreshLink({ link }: { link: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = (): void => {
    // Only pages that the browser trusts may write to the clipboard; the text can be taken by hand.
    navigator.clipboard?.writeText(link).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <div className="invite-link">
      <input
        readOnly
        value={link}
        aria-label="The link"
        onFocus={(event) => event.target.select()}
        data-testid="invite-link"
      />
      <button className="button" type="button" onClick={copy} data-testid="invite-copy">
        {isCopied ? "Copied" : "Copy"}
      </button>
      <p>It is shown this once. Whoever has it may come in, so give it to nobody else.</p>
    </div>
  );
}
