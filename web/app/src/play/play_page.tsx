/** One session from the click on Play to its end: the steps of the start, the game, how it ended. */

import { useState } from "react";
import type { SessionEnd } from "../../../player/src";
import { ApiProblem } from "../api/client";
import { fetchTicket, useSession } from "../api/queries";
import type { SessionView } from "../api/types";
import { follow } from "../router";
import { Mark } from "../ui/logo";
import { Problem } from "../ui/problem";
import { EndView } from "./end_view";
import { GameView } from "./game_view";
import { HereView } from "./here";
import { StartView } from "./start_view";

const STREAMABLE = new Set(["ready", "streaming"]);

export function PlayPage({ sessionId, isConnected }: { sessionId: string; isConnected: boolean }) {
  const session = useSession(sessionId);
  const [toldEnd, setToldEnd] = useState<SessionEnd | null>(null);
  const [hasStreamed, setStreamed] = useState(false);
  const view = session.data;
  if (!view) return <Missing error={session.error} onRetry={() => void session.refetch()} />;
  const isStreamable = STREAMABLE.has(view.state);
  if (isStreamable && !hasStreamed) setStreamed(true);
  const end = view.end ?? toldEnd;
  return (
    <div className="play-page" data-testid="play-page" data-state={end ? "ended" : view.state}>
      {body(view, end, hasStreamed || isStreamable, isConnected, setToldEnd)}
    </div>
  );
}

function body(
  view: SessionView,
  end: SessionEnd | null,
  hasStreamed: boolean,
  isConnected: boolean,
  onEnded: (end: SessionEnd) => void,
) {
  if (end || view.state === "ended") return <EndView view={view} end={end} />;
  if (hasStreamed && view.show === "host") return <HereView view={view} />;
  if (hasStreamed) {
    const access = { fetchTicket: () => fetchTicket(view.session_id) };
    return <GameView view={view} access={access} isConnected={isConnected} onEnded={onEnded} />;
  }
  return <StartView view={view} />;
}

function Missing({ error, onRetry }: { error: Error | null; onRetry: () => void }) {
  const isGone = error instanceof ApiProblem && error.status === 404;
  return (
    <main className="alone" aria-busy={!error}>
      <Mark isBusy={!error} />
      {isGone && (
        <>
          <h1>No such session</h1>
          <p>It may have ended long ago, or belong to somebody else.</p>
        </>
      )}
      {error && !isGone && (
        <Problem error={error}>
          <button className="button" type="button" onClick={onRetry}>
            Try again
          </button>
        </Problem>
      )}
      {error && (
        <a className="button button-primary" href="/" onClick={follow} data-testid="back-to-library">
          To the library
        </a>
      )}
    </main>
  );
}
