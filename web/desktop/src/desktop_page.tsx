/** The desktop filling the window, with a bar that hides by itself, and what is said when there is no picture. */

import { type ReactNode, useRef } from "react";
import { StatsPanel } from "../../app/src/play/stats_panel";
import { useStage } from "../../app/src/play/use_stage";
import { setPreferences, usePreferences } from "../../app/src/preferences";
import { Icon } from "../../app/src/ui/icons";
import { Mark } from "../../app/src/ui/logo";
import { FloorChip } from "../../app/src/watching/floor_chip";
import type { Shortcut } from "../../player/src";
import { DesktopBar } from "./desktop_bar";
import { type DesktopView, useDesktop } from "./use_desktop";

export function DesktopPage({ openingKey }: { openingKey: string | null }) {
  if (openingKey) return <Desktop openingKey={openingKey} />;
  return (
    <div className="game">
      <Veil testId="no-key" title="This address lacks its key">
        Open the whole address that dillinger-stream printed when it started; <code>dillinger-stream status</code>{" "}
        prints it again.
      </Veil>
    </div>
  );
}

function Desktop({ openingKey }: { openingKey: string }) {
  const page = useRef<HTMLDivElement>(null);
  const stage = useRef<HTMLDivElement>(null);
  const chosen = usePreferences();
  const shortcut = useRef<(shortcut: Shortcut) => void>(() => undefined);
  const live = useDesktop(stage, openingKey, (name) => shortcut.current(name));
  const { fullScreen, pointer, barWish, focusStage } = useStage({ page, stage, shortcut }, live);
  const isOver = live.end !== null || live.state === "failed";
  const { floor } = live;
  const isViewer = floor.isKnown && !floor.isPlaying;
  return (
    <div className={pointer.isOn ? "game game-locked" : "game"} ref={page}>
      <div
        className="stage"
        ref={stage}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the desktop takes the keyboard
        tabIndex={0}
        role="application"
        aria-label="The desktop"
        data-testid="stage"
        data-role={floor.isKnown ? (floor.isPlaying ? "player" : "viewer") : ""}
      />
      <DesktopVeil view={live} />
      {!isOver && (
        <DesktopBar
          isOn={live.picture !== null}
          wish={barWish}
          isViewer={isViewer}
          hasSound={live.welcome?.has_sound === true}
          fullScreen={fullScreen}
          pointer={pointer}
          isTyping={live.isTyping}
          onType={() => live.player?.toggleTyping()}
          onLeft={focusStage}
        />
      )}
      {chosen.showsStats && !isOver && (
        <StatsPanel stats={live.stats} onClose={() => setPreferences({ showsStats: false })} />
      )}
      {live.picture && !isOver && (
        <FloorChip floor={floor} onWish={(act, peerId) => live.player?.wishFloor(act, peerId)} />
      )}
      <div className="hints" aria-live="polite">
        {live.sound === "blocked" && live.picture && (
          <p className="hint" data-testid="sound-hint">
            <Icon name="muted" />
            Click or press a key for sound
          </p>
        )}
        {live.notice && live.state === "open" && (
          <p className={`hint hint-${live.notice.level}`} data-testid="notice">
            {[live.notice.message, live.notice.hint].filter(Boolean).join(" ")}
          </p>
        )}
      </div>
    </div>
  );
}

/** What lies over the picture while there is none, or while it stands still. */
function DesktopVeil({ view }: { view: DesktopView }) {
  if (view.end) {
    return (
      <Veil testId="end-page" title="The stream has ended">
        {view.end.message || "The desktop itself goes on."}
      </Veil>
    );
  }
  if (view.state === "failed") {
    return (
      <Veil testId="stream-failed" title="The stream can’t be opened" isAlert>
        {view.fault}
      </Veil>
    );
  }
  if (view.state === "reconnecting") {
    return (
      <Veil testId="reconnecting" title="Reconnecting…" isBusy isLight={view.picture !== null}>
        Nothing answers at the moment.
      </Veil>
    );
  }
  if (view.picture) return null;
  return (
    <Veil testId="connecting" isBusy>
      {view.state === "open" ? "Waiting for the first picture" : "Connecting"}
    </Veil>
  );
}

interface VeilProps {
  testId: string;
  title?: string;
  isBusy?: boolean;
  isAlert?: boolean;
  isLight?: boolean;
  children: ReactNode;
}

function Veil({ testId, title, isBusy = false, isAlert = false, isLight = false, children }: VeilProps) {
  return (
    <div className={isLight ? "veil veil-light" : "veil"} role={isAlert ? "alert" : "status"} data-testid={testId}>
      <Mark isBusy={isBusy} />
      {title && <h2>{title}</h2>}
      <p>{children}</p>
    </div>
  );
}
