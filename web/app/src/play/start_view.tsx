/** The steps of a start, each with the time that it took, and a clock for the one under way. */

import { useEffect, useState } from "react";
import { prepareWorker } from "../../../player/src";
import { useIcon, useStop } from "../api/queries";
import type { SessionView } from "../api/types";
import { follow, go } from "../router";
import { Cover } from "../ui/cover";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { useTitle } from "../use_title";
import { milliseconds, nowWords, queueWords, stepWords } from "../words";

/** Milliseconds since this page saw the start, ten times a second. */
function useElapsed(): number {
  const [began] = useState(() => performance.now());
  const [now, setNow] = useState(began);
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 100);
    return () => clearInterval(timer);
  }, []);
  return now - began;
}

export function StartView({ view }: { view: SessionView }) {
  const iconUrl = useIcon(view.game_id);
  useTitle(view.game_title);
  const elapsed = useElapsed();
  const stop = useStop();
  useEffect(prepareWorker, []);
  const cancel = (): void => stop.mutate(view.session_id, { onSuccess: () => go("/") });
  return (
    <main className="start">
      <div className="start-cover">
        <Cover title={view.game_title} iconUrl={iconUrl} />
      </div>
      <div className="start-box">
        <h1>{view.game_title}</h1>
        <ol className="steps" data-testid="start-steps">
          {view.steps
            .filter((step) => step.share_done === null)
            .map((step) => (
              <li key={step.name} className="step step-done" data-testid="start-step">
                <span>{stepWords(step.name)}</span>
                <span className="step-time">{milliseconds(step.duration_ms)}</span>
              </li>
            ))}
          <li className="step step-now" aria-live="polite" data-testid="start-now">
            <span>{nowWords(view)}</span>
            <span className="step-time">{(elapsed / 1000).toFixed(1)} s</span>
          </li>
        </ol>
        {view.queue && (
          <p className="banner" data-testid="queue">
            {queueWords(view.queue)} <span className="end-detail">{view.queue.reason}</span>
          </p>
        )}
        {view.state === "unreachable" && (
          <p className="banner" data-testid="runner-away">
            The part of Dillinger that starts games does not answer. The start goes on when it is back.
          </p>
        )}
        {stop.error && <Problem error={stop.error} />}
        <div className="row">
          <button className="button" type="button" onClick={cancel} disabled={stop.isPending} data-testid="stop-game">
            {view.queue ? "Leave the queue" : "Cancel"}
          </button>
          <a className="button button-quiet" href="/" onClick={follow} data-testid="back-button">
            <Icon name="back" />
            Library
          </a>
        </div>
      </div>
    </main>
  );
}
