/** Where an invitation leads: what one is invited to, a name to be known by, then the game. Needs no login. */

import { type FormEvent, useEffect, useState } from "react";
import { prepareWorker } from "../../../player/src";
import { GameView } from "../play/game_view";
import { Field } from "../ui/field";
import { Mark } from "../ui/logo";
import { Problem } from "../ui/problem";
import { useTitle } from "../use_title";
import { fetchGuestTicket, type Invited, useInvited } from "./queries";

const STREAMABLE = new Set<string>(["ready", "streaming"]);
const NAME_KEY = "dillinger.guest-name";

function keptName(): string {
  try {
    return localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    return "";
  }
}

function keepName(name: string): void {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Private windows may refuse storage: the name then holds for this visit.
  }
}

export function JoinPage({ invitationId }: { invitationId: string }) {
  const [token] = useState(() => location.hash.slice(1));
  const invited = useInvited(invitationId, token);
  const [name, setName] = useState<string | null>(null);
  const [hasStreamed, setStreamed] = useState(false);
  const [hasEnded, setEnded] = useState(false);
  const facts = invited.data;
  const isStreamable = facts !== undefined && STREAMABLE.has(facts.state);
  if (isStreamable && name !== null && !hasStreamed) setStreamed(true);
  if (hasEnded || facts?.state === "ended") return <Over facts={facts} />;
  if (facts && name !== null && hasStreamed && !(invited.error && !isStreamable)) {
    return (
      <GameView
        view={{ session_id: invitationId, game_title: facts.game_title, state: "ready" }}
        isConnected
        isGuest
        access={{
          streamPath: `/api/v1/invitations/${encodeURIComponent(invitationId)}/stream`,
          fetchTicket: () => fetchGuestTicket(invitationId, token, name),
        }}
        onEnded={() => setEnded(true)}
      />
    );
  }
  return (
    <main className="alone" aria-busy={invited.isPending} data-testid="join-page">
      <Mark isBusy={invited.isPending || (name !== null && !isStreamable)} />
      {invited.error && <Problem error={invited.error} />}
      {facts && name === null && (
        <Door
          facts={facts}
          onEnter={(chosen) => {
            keepName(chosen);
            setName(chosen);
          }}
        />
      )}
      {facts && name !== null && <p role="status">{facts.game_title} is not there yet. It shows as soon as it is.</p>}
    </main>
  );
}

function Door({ facts, onEnter }: { facts: Invited; onEnter: (name: string) => void }) {
  useTitle(facts.game_title);
  const [name, setName] = useState(keptName);
  useEffect(prepareWorker, []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onEnter(name.trim());
  };
  return (
    <form className="door" onSubmit={submit}>
      <h1>{facts.game_title}</h1>
      <p>
        {facts.host_name} asks you in to {facts.role === "player" ? "watch, and to play when it is your turn" : "watch"}
        .
      </p>
      <Field label="Your name" hint="The others see it. It may stay empty.">
        {(attributes) => (
          <input
            {...attributes}
            value={name}
            maxLength={24}
            autoComplete="nickname"
            onChange={(event) => setName(event.target.value)}
            data-testid="guest-name"
          />
        )}
      </Field>
      <button className="button button-primary" type="submit" data-testid="guest-enter">
        Come in
      </button>
    </form>
  );
}

function Over({ facts }: { facts: Invited | undefined }) {
  return (
    <main className="alone" data-testid="guest-end">
      <Mark />
      <h1>It’s over</h1>
      <p>{facts?.game_title ?? "The game"} has ended. Thanks for coming by.</p>
    </main>
  );
}
