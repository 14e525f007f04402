/** A session that is shown on the display of the machine that it runs on: there is nothing to see here, and a way to end it. */

import { useRunners, useStop } from "../api/queries";
import type { SessionView } from "../api/types";
import { follow } from "../router";
import { Icon } from "../ui/icons";
import { Mark } from "../ui/logo";
import { Problem } from "../ui/problem";
import { StopControl } from "../ui/stop_control";
import { useTitle } from "../use_title";

/** Whether a runner may show games on its machine's own display, which admins may ask for. */
export function useShowsHere(isAdmin: boolean): boolean {
  return useRunners(isAdmin).data?.some((runner) => runner.room?.shows_here) ?? false;
}

export function HereView({ view }: { view: SessionView }) {
  useTitle(view.game_title);
  const stop = useStop();
  return (
    <main className="alone" data-testid="here">
      <Mark />
      <h1>{view.game_title}</h1>
      <p>
        {view.state === "unreachable"
          ? "The part of Dillinger that knows how it fares does not answer. The game goes on."
          : "It is shown on the display of the machine that it runs on, and played there."}
      </p>
      {stop.error && <Problem error={stop.error} />}
      <div className="row">
        <StopControl
          testId="stop-game"
          className="button"
          hasIcon
          isStopping={view.state === "stopping" || stop.isPending}
          onStop={() => stop.mutate(view.session_id)}
        />
        <a className="button button-quiet" href="/" onClick={follow} data-testid="back-button">
          <Icon name="back" />
          Library
        </a>
      </div>
    </main>
  );
}
