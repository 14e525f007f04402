/** The games of this machine, with what runs on top. */

import { useDeferredValue, useRef, useState } from "react";
import { useGames, useMe, usePlay, useSessions, useStop } from "../api/queries";
import type { GameCard, SessionView } from "../api/types";
import { useShowsHere } from "../play/here";
import { startProfile } from "../play/start_profile";
import { follow, go } from "../router";
import { Cover } from "../ui/cover";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { Shell } from "../ui/shell";
import { StopControl } from "../ui/stop_control";
import { useTitle } from "../use_title";
import { ago, stateWords } from "../words";

/** Games whose title or summary has every word of the search in it. Pure. */
export function found(games: readonly GameCard[], search: string): GameCard[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return games
    .filter((game) => {
      const text = `${game.title} ${game.summary}`.toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort((a, b) => Number(b.is_playable) - Number(a.is_playable) || a.title.localeCompare(b.title));
}

/** The person's own session of this game that can be gone back to. Pure. */
export function resumable(live: readonly SessionView[], gameId: string, userName: string): SessionView | null {
  const isIt = (one: SessionView): boolean =>
    one.game_id === gameId && one.user_name === userName && one.state !== "stopping" && one.state !== "ended";
  return live.find(isIt) ?? null;
}

export function LibraryPage({ isConnected }: { isConnected: boolean }) {
  useTitle("");
  const games = useGames();
  const sessions = useSessions();
  const play = usePlay();
  const me = useMe();
  const isAdmin = me.data?.user.role === "admin";
  const showsHere = useShowsHere(isAdmin);
  const [search, setSearch] = useState("");
  const wanted = useDeferredValue(search);
  const live = sessions.data?.filter((session) => session.state !== "ended") ?? [];
  const shown = found(games.data ?? [], wanted);
  const mine = (game: GameCard) => resumable(live, game.game_id, me.data?.user.name ?? "");
  const start = (game: GameCard, show: SessionView["show"]): void => {
    const running = mine(game);
    if (running) return go(`/play/${running.session_id}`);
    play.mutate(
      { game_id: game.game_id, profile: startProfile(), show },
      { onSuccess: (view) => go(`/play/${view.session_id}`) },
    );
  };
  const pendingId = play.isPending ? play.variables.game_id : null;
  return (
    <Shell isConnected={isConnected} search={<Search value={search} onChange={setSearch} />}>
      <div className="library" data-testid="library">
        {live.length > 0 && <Running sessions={live} games={games.data ?? []} />}
        {play.error && <Problem error={play.error} />}
        {games.error && !games.data && (
          <Problem error={games.error}>
            <button className="button" type="button" onClick={() => games.refetch()}>
              Try again
            </button>
          </Problem>
        )}
        {games.isPending && !games.error && <Skeletons />}
        {games.data && games.data.length > 0 && (
          <section aria-labelledby="games-title">
            <div className="section-head">
              <h1 id="games-title">Library</h1>
              <p className="count" aria-live="polite">
                {wanted ? `${shown.length} of ${games.data.length}` : games.data.length}
              </p>
              {isAdmin && <AddGame />}
            </div>
            {shown.length > 0 ? (
              <ul className="grid">
                {shown.map((game) => (
                  <GameItem
                    key={game.game_id}
                    game={game}
                    isAdmin={isAdmin}
                    isStarting={pendingId === game.game_id}
                    isRunning={mine(game) !== null}
                    onPlay={() => start(game, "stream")}
                    onPlayHere={showsHere ? () => start(game, "host") : null}
                  />
                ))}
              </ul>
            ) : (
              <p className="nothing">No game matches “{wanted}”.</p>
            )}
          </section>
        )}
        {games.data?.length === 0 && <Empty isAdmin={isAdmin} />}
      </div>
    </Shell>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <search className="search">
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && onChange("")}
        placeholder="Search"
        aria-label="Search games"
        data-testid="search"
      />
    </search>
  );
}

function AddGame() {
  return (
    <a className="button" href="/games/add" onClick={follow} data-testid="add-game">
      <Icon name="plus" />
      Add a game
    </a>
  );
}

interface GameItemProps {
  game: GameCard;
  isAdmin: boolean;
  isStarting: boolean;
  isRunning: boolean;
  onPlay: () => void;
  /** At the machine itself; null where no runner shows games there. */
  onPlayHere: (() => void) | null;
}

function GameItem({ game, isAdmin, isStarting, isRunning, onPlay, onPlayHere }: GameItemProps) {
  const wish = isRunning ? "Resume" : "Play";
  return (
    <li className="card" data-testid="game-card" data-game-id={game.game_id}>
      <button
        className="card-button"
        type="button"
        onClick={onPlay}
        disabled={!game.is_playable || isStarting}
        data-testid="play-button"
        aria-label={`${wish} ${game.title}`}
      >
        <Cover title={game.title} iconUrl={game.icon_url} />
        {game.is_playable && (
          <span className="card-play" aria-hidden="true">
            <Icon name="play" />
            {isStarting ? "Starting…" : wish}
          </span>
        )}
      </button>
      {isAdmin && game.launch_kind && (
        <a
          className="card-edit"
          href={`/games/${encodeURIComponent(game.game_id)}/edit`}
          onClick={follow}
          aria-label={`Edit ${game.title}`}
          title="Edit"
          data-testid="edit-game"
        >
          <Icon name="edit" />
        </a>
      )}
      <a
        className="card-edit card-saves"
        href={`/games/${encodeURIComponent(game.game_id)}/saves`}
        onClick={follow}
        aria-label={`Your saves of ${game.title}`}
        title="Your saves"
        data-testid="game-saves"
      >
        <Icon name="folder" />
      </a>
      {onPlayHere && game.is_playable && !isRunning && (
        <button
          className="card-edit card-here"
          type="button"
          onClick={onPlayHere}
          disabled={isStarting}
          aria-label={`Play ${game.title} at the machine`}
          title="Play at the machine"
          data-testid="play-here"
        >
          <Icon name="machine" />
        </button>
      )}
      <h2 className="card-title">{game.title}</h2>
      {game.problem ? <p className="card-problem">{game.problem}</p> : <p className="card-summary">{game.summary}</p>}
      {game.warning && <p className="card-warning">{game.warning}</p>}
    </li>
  );
}

function Running({ sessions, games }: { sessions: SessionView[]; games: GameCard[] }) {
  const stop = useStop();
  const me = useMe();
  return (
    <section className="running" aria-labelledby="running-title">
      <h2 id="running-title" className="section-title">
        Running now
      </h2>
      <ul className="running-list">
        {sessions.map((session) => {
          const game = games.find((one) => one.game_id === session.game_id);
          const isMine = session.user_name === me.data?.user.name;
          const isStopping = session.state === "stopping" || (stop.isPending && stop.variables === session.session_id);
          return (
            <li
              key={session.session_id}
              className="session"
              data-testid="running-session"
              data-session-id={session.session_id}
            >
              <div className="session-cover">
                <Cover title={session.game_title} iconUrl={game?.icon_url ?? null} />
              </div>
              <div className="session-text">
                <h3>{session.game_title}</h3>
                <p>
                  <span className={`state state-${session.state}`}>{stateWords(session.state)}</span>
                  <span>{ago(session.created_at, Date.now())}</span>
                  {!isMine && <span>{session.user_name}</span>}
                </p>
              </div>
              <div className="session-actions">
                <a
                  className="button button-primary"
                  href={`/play/${session.session_id}`}
                  onClick={follow}
                  data-testid="resume-button"
                >
                  <Icon name="play" />
                  {isMine ? "Resume" : "Watch"}
                </a>
                <StopControl
                  testId="stop-button"
                  className="button"
                  isStopping={isStopping}
                  onStop={() => stop.mutate(session.session_id)}
                />
              </div>
            </li>
          );
        })}
      </ul>
      {stop.error && <Problem error={stop.error} />}
    </section>
  );
}

function Skeletons() {
  return (
    <ul className="grid" aria-label="Loading games" aria-busy="true">
      {["a", "b", "c", "d"].map((key) => (
        <li key={key} className="card">
          <div className="cover skeleton" />
          <div className="skeleton skeleton-line" />
        </li>
      ))}
    </ul>
  );
}

function Empty({ isAdmin }: { isAdmin: boolean }) {
  return (
    <section className="empty" data-testid="empty-library">
      <div className="empty-art">
        <Cover title="d illi nger" iconUrl={null} />
      </div>
      <h1>Nothing to play yet</h1>
      <p>Games that are installed on this machine show up here by themselves. A few free ones to begin with:</p>
      <pre className="command">
        <code>sudo apt install chocolate-doom freedoom openttd extremetuxracer</code>
      </pre>
      <p>
        Or put a folder with a <code>game.toml</code> into the library.
      </p>
      {isAdmin && <AddGame />}
    </section>
  );
}
