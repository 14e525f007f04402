/** How a session ended, in words, and what one can do now. */

import { useCallback, useEffect, useRef } from "react";
import type { SessionEnd } from "../../../player/src";
import { useGames, useIcon, useMe, usePlay } from "../api/queries";
import type { SessionView } from "../api/types";
import { follow, go } from "../router";
import { Cover } from "../ui/cover";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { useTitle } from "../use_title";
import { endWords } from "../words";
import { startProfile } from "./start_profile";

/** Nothing went wrong, so nobody has to read a log. Pure. */
export function isCleanExit(end: SessionEnd): boolean {
  return end.reason === "game_exited" && end.exit_code === 0;
}

export function EndView({ view, end }: { view: SessionView; end: SessionEnd | null }) {
  const iconUrl = useIcon(view.game_id);
  useTitle(view.game_title);
  const play = usePlay();
  const isAdmin = useMe().data?.user.role === "admin";
  const warning = useGames().data?.find((game) => game.game_id === view.game_id)?.warning ?? null;
  const words = endWords(end ?? { reason: "" });
  // The stream tells of the end a moment before the library knows; until then a new wish would meet the old session.
  const isOver = view.state === "ended";
  const again = (): void => {
    play.mutate(
      { game_id: view.game_id, profile: startProfile(), show: view.show },
      { onSuccess: (fresh) => go(`/play/${fresh.session_id}`) },
    );
  };
  return (
    <main className={`end end-${words.tone}`} data-testid="end-page" data-reason={end?.reason ?? ""}>
      <div className="end-head">
        <div className="end-cover">
          <Cover title={view.game_title} iconUrl={iconUrl} />
        </div>
        <div>
          <p className="eyebrow">{view.game_title}</p>
          <h1 data-testid="end-title">{words.title}</h1>
          <p className="end-text" data-testid="end-message">
            {words.text}
            {end?.message && <span className="end-detail">{end.message}</span>}
          </p>
          {isAdmin && warning && <p className="card-warning">{warning}</p>}
        </div>
      </div>
      <dl className="facts">
        {end?.exit_code !== null && end?.exit_code !== undefined && (
          <Fact name="Exit code" value={String(end.exit_code)} testId="end-exit-code" />
        )}
        {end?.signal && <Fact name="Signal" value={end.signal} testId="end-signal" />}
        <Fact name="Played" value={played(view, end)} testId="end-played" />
      </dl>
      {end && end.log_tail.length > 0 && <Log lines={end.log_tail} isOpen={!isCleanExit(end)} />}
      {play.error && <Problem error={play.error} />}
      <div className="row">
        <button
          className="button button-primary"
          type="button"
          onClick={again}
          disabled={play.isPending || !isOver}
          data-testid="play-again"
        >
          <Icon name="again" />
          {play.isPending ? "Starting…" : "Play again"}
        </button>
        {isAdmin && warning && (
          <a className="button" href={`/games/${view.game_id}/edit`} onClick={follow} data-testid="to-editor">
            <Icon name="edit" />
            Open its editor
          </a>
        )}
        <a className="button" href="/" onClick={follow} data-testid="back-to-library">
          Back to the library
        </a>
      </div>
    </main>
  );
}

/** What was said last is what tells of the end: the box stands there. */
function Log({ lines, isOpen }: { lines: string[]; isOpen: boolean }) {
  const box = useRef<HTMLPreElement>(null);
  const toEnd = useCallback(() => box.current?.scrollTo({ top: box.current.scrollHeight }), []);
  useEffect(() => {
    toEnd();
  }, [toEnd]);
  return (
    <details className="log" open={isOpen} onToggle={toEnd}>
      <summary>Last lines of its log</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre ref={box} data-testid="end-log" tabIndex={0}>
        {lines.join("\n")}
      </pre>
    </details>
  );
}

function Fact({ name, value, testId }: { name: string; value: string; testId: string }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd data-testid={testId}>{value}</dd>
    </div>
  );
}

function played(view: SessionView, end: SessionEnd | null): string {
  const until = Date.parse(end?.ended_at || view.ended_at || "");
  const seconds = Math.round((until - Date.parse(view.created_at)) / 1000);
  if (!Number.isFinite(seconds) || seconds < 0) return "–";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
