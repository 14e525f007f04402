/** The game filling the window, with what lies over it: bar, figures, hints, and what is said when the link is lost. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { FloorAct, SessionEnd, Shortcut } from "../../../player/src";
import { useMe, useStop } from "../api/queries";
import type { SessionView } from "../api/types";
import { wishedProfile } from "../keyboard";
import { setPreferences, usePreferences } from "../preferences";
import { follow } from "../router";
import { Icon } from "../ui/icons";
import { Mark } from "../ui/logo";
import { useTitle } from "../use_title";
import { Askers, FloorChip } from "../watching/floor_chip";
import { Invite } from "../watching/invite";
import { PeoplePanel } from "../watching/people_panel";
import { useFloorNews } from "../watching/use_floor_news";
import { DrawnPad } from "./drawn_pad";
import { KeyboardHelp } from "./keyboard_help";
import { LimitsPanel } from "./limits_panel";
import { OverlayBar } from "./overlay_bar";
import { PadsPanel } from "./pads_panel";
import { StatsPanel } from "./stats_panel";
import { type PlayerView, type StreamAccess, usePlayer } from "./use_player";
import { useResize } from "./use_resize";
import { useStage } from "./use_stage";

/** A session that streamed before and is placed anew. */
const AGAIN = new Set(["placing", "starting"]);

interface GameViewProps {
  view: Pick<SessionView, "session_id" | "game_title" | "state">;
  access: StreamAccess;
  isConnected: boolean;
  /** Somebody without an account, by an invitation. */
  isGuest?: boolean;
  onEnded: (end: SessionEnd) => void;
}

export function GameView({ view, access, isConnected, isGuest = false, onEnded }: GameViewProps) {
  const page = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const chosen = usePreferences();
  const [attempt, setAttempt] = useState(0);
  const [showsHelp, setShowsHelp] = useState(false);
  const [showsPads, setShowsPads] = useState(false);
  const [drawsPad, setDrawsPad] = useState(false);
  const [showsPeople, setShowsPeople] = useState(false);
  const stop = useStop();
  const me = useMe();
  const client = useQueryClient();
  const shortcut = useRef<(shortcut: Shortcut) => void>(() => undefined);
  const live = usePlayer(
    stage,
    { sessionId: view.session_id, access, attempt },
    { onEnded, onShortcut: (name) => shortcut.current(name) },
  );
  const { fullScreen, pointer, barWish, focusStage: backToGame } = useStage({ page, stage, shortcut }, live);
  useResize(stage, live);
  const { floor } = live;
  const news = useFloorNews(floor);
  const wishFloor = (act: FloorAct, peerId?: number): void => {
    live.player?.wishFloor(act, peerId);
    if (!showsPeople) backToGame();
  };
  const isAway = live.state === "reconnecting" || live.state === "failed";
  useEffect(() => {
    // Why the stream is gone, the session itself may tell.
    if (isAway) void client.invalidateQueries({ queryKey: ["session", view.session_id] });
  }, [client, isAway, view.session_id]);
  useTitle(view.game_title);
  return (
    <div className={pointer.isOn ? "game game-locked" : "game"} ref={page}>
      <div
        className="stage"
        ref={stage}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the game takes the keyboard
        tabIndex={0}
        role="application"
        aria-label={`${view.game_title}, the game`}
        data-testid="stage"
        data-role={floor.isKnown ? (floor.isPlaying ? "player" : "viewer") : ""}
      />
      <Veil
        view={live}
        isAgain={AGAIN.has(view.state)}
        isGuest={isGuest}
        onRetry={() => setAttempt((count) => count + 1)}
      />
      <OverlayBar
        title={view.game_title}
        isOn={live.picture !== null}
        wish={barWish}
        floor={floor}
        isGuest={isGuest}
        onPeople={() => setShowsPeople(true)}
        fullScreen={fullScreen}
        pointer={pointer}
        microphone={live.welcome?.has_microphone ? live.microphone : null}
        onMicrophone={() => live.player?.toggleMicrophone()}
        head={live.head}
        onHead={() => live.player?.head.toggle()}
        onRecentre={() => live.player?.head.recentre()}
        isStopping={stop.isPending || view.state === "stopping"}
        onStop={() => stop.mutate(view.session_id)}
        onHelp={() => setShowsHelp(true)}
        padCount={live.pads.length}
        onPads={() => setShowsPads(true)}
        isTyping={live.isTyping}
        onType={() => live.player?.toggleTyping()}
        onLeft={backToGame}
        onQuality={(quality) => {
          setPreferences({ quality });
          live.player?.setProfile(wishedProfile());
        }}
        formats={live.stats?.formats ?? []}
        onCodec={(codec) => {
          setPreferences({ codec });
          live.player?.setProfile(wishedProfile());
        }}
        onTextSharp={(isTextSharp) => {
          setPreferences({ isTextSharp });
          live.player?.setProfile(wishedProfile());
        }}
        onTransport={(transport) => {
          setPreferences({ transport });
          live.player?.setTransport(transport);
        }}
      />
      {chosen.showsStats && (
        <StatsPanel stats={live.stats} onClose={() => setPreferences({ showsStats: false })}>
          {me.data?.user.role === "admin" && <LimitsPanel sessionId={view.session_id} />}
        </StatsPanel>
      )}
      <div className="hints" aria-live="polite">
        {!showsPeople && <Askers floor={floor} onWish={wishFloor} />}
        {news && (
          <p className="hint" data-testid="floor-news">
            {news}
          </p>
        )}
        {live.sound === "blocked" && live.picture && (
          <p className="hint" data-testid="sound-hint">
            <Icon name="muted" />
            Click or press a key for sound
          </p>
        )}
        {(view.state === "unreachable" || !isConnected) && live.state === "open" && (
          <p className="hint" data-testid="runner-away">
            <Icon name="warning" />
            Dillinger’s other parts are out of reach. The game goes on.
          </p>
        )}
        {live.notice && (
          <p className={`hint hint-${live.notice.level}`} data-testid="notice">
            <span>
              {live.notice.message}
              {live.notice.hint && ` ${live.notice.hint}`}
            </span>
            {live.notice.code === "not_answering" && !isGuest && (
              <button
                className="button"
                type="button"
                onClick={() => stop.mutate(view.session_id)}
                disabled={stop.isPending}
                data-testid="end-silent-game"
              >
                End it
              </button>
            )}
          </p>
        )}
        {stop.error && <p className="hint hint-error">{stop.error.message}</p>}
      </div>
      {live.picture && <FloorChip floor={floor} onWish={wishFloor} />}
      {showsPeople && (
        <PeoplePanel
          floor={floor}
          onWish={wishFloor}
          onClose={() => {
            setShowsPeople(false);
            backToGame();
          }}
        >
          {!isGuest && <Invite sessionId={view.session_id} />}
        </PeoplePanel>
      )}
      {drawsPad && live.player && <DrawnPad capture={live.player.pads} />}
      {showsPads && live.player && (
        <PadsPanel
          capture={live.player.pads}
          pads={live.pads}
          isDrawn={drawsPad}
          onDraw={setDrawsPad}
          onClose={() => {
            setShowsPads(false);
            backToGame();
          }}
        />
      )}
      {showsHelp && (
        <KeyboardHelp
          onClose={() => {
            setShowsHelp(false);
            backToGame();
          }}
        />
      )}
    </div>
  );
}

interface VeilProps {
  view: PlayerView;
  isAgain: boolean;
  isGuest: boolean;
  onRetry: () => void;
}

/** What lies over the picture while there is none, or while it stands still. */
function Veil({ view, isAgain, isGuest, onRetry }: VeilProps) {
  const { state, fault, picture } = view;
  if (state === "failed") {
    return (
      <div className="veil" role="alert" data-testid="stream-failed">
        <Icon name="warning" />
        <h2>The stream can’t be opened</h2>
        <p>{fault}</p>
        <div className="row">
          <button className="button button-primary" type="button" onClick={onRetry}>
            Try again
          </button>
          {!isGuest && (
            <a className="button" href="/" onClick={follow}>
              Library
            </a>
          )}
        </div>
      </div>
    );
  }
  if (state === "reconnecting") {
    return (
      <div className={picture ? "veil veil-light" : "veil"} role="status" data-testid="reconnecting">
        <Mark isBusy />
        <h2>{isAgain ? "Starting again…" : "Reconnecting…"}</h2>
        <p>{isAgain ? "What held the game was lost. It is started once more." : "The game is still there."}</p>
      </div>
    );
  }
  if (picture) return null;
  return (
    <div className="veil" role="status">
      <Mark isBusy />
      <p>{state === "open" ? "Waiting for the first picture" : "Connecting"}</p>
    </div>
  );
}
