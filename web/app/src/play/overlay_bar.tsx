/**
 * The bar over the game. It hides by itself and leaves a small handle at the upper edge: a mouse or finger there, the keyboard shortcut
 * or the Tab key bring it back.
 */

import { type FocusEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { type FloorView, type HeadState, isPhone, Microphone, type MicrophoneState } from "../../../player/src";
import { setPreferences, usePreferences } from "../preferences";
import { follow } from "../router";
import { Icon } from "../ui/icons";
import { StopControl } from "../ui/stop_control";
import {
  BarButton,
  FullScreenButton,
  HeadButtons,
  MuteButton,
  PointerButton,
  StatsButton,
  TypeButton,
} from "./bar_buttons";
import { StreamMenu, type StreamWishes } from "./stream_menu";
import type { FullScreen } from "./use_full_screen";
import type { PointerLock } from "./use_pointer_lock";

const LINGER_MS = 2500;

interface OverlayBarProps extends StreamWishes {
  title: string;
  isOn: boolean;
  /** Counts up when the shortcut for the bar is pressed. */
  wish: number;
  floor: FloorView;
  isGuest: boolean;
  onPeople: () => void;
  fullScreen: FullScreen;
  pointer: PointerLock;
  /** null where the game has none. */
  microphone: MicrophoneState | null;
  onMicrophone: () => void;
  head: HeadState;
  onHead: () => void;
  onRecentre: () => void;
  isStopping: boolean;
  onStop: () => void;
  onHelp: () => void;
  padCount: number;
  onPads: () => void;
  /** Brings up the on-screen keyboard; it takes the focus. */
  isTyping: boolean;
  onType: () => void;
  onLeft: () => void;
}

/** Whether the bar is shown: while something in it is used or `isBusy` says so, and a little longer. */
function useShown(isOn: boolean, wish: number, isBusy: () => boolean) {
  const [isShown, setShown] = useState(true);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const hold = (): void => {
    clearTimeout(timer.current);
    setShown(true);
  };
  const release = (): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => (isBusy() ? release() : setShown(false)), LINGER_MS);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: hold and release only touch refs
  useEffect(() => {
    hold();
    if (isOn) release();
    return () => clearTimeout(timer.current);
  }, [isOn, wish]);
  return { isShown, hold, release };
}

interface BarDockProps {
  isOn: boolean;
  wish: number;
  onLeft: () => void;
  children: ReactNode | ((isShown: boolean) => ReactNode);
}

/** The bar's place and how it comes and goes, whatever is in it. */
export function BarDock(props: BarDockProps) {
  const bar = useRef<HTMLDivElement>(null);
  // What was clicked keeps the focus too, but only keys go on from there: a bar that hid under them would hand them to the game.
  const isInUse = (): boolean => bar.current?.querySelector(":popover-open, :focus-visible") != null;
  const { isShown, hold, release } = useShown(props.isOn, props.wish, isInUse);
  const handled = useRef(0);
  useEffect(() => {
    if (!isShown || props.wish === handled.current) return;
    handled.current = props.wish;
    // Browsers don't take Ctrl and Alt for somebody at the keyboard, and would show no ring.
    bar.current?.querySelector<HTMLElement>("a, button")?.focus({ focusVisible: true });
  }, [isShown, props.wish]);
  const { onLeft } = props;
  useEffect(() => {
    if (!isShown && bar.current?.contains(document.activeElement)) onLeft();
  }, [isShown, onLeft]);
  const keyDown = (event: KeyboardEvent): void => {
    if (event.key !== "Escape") return;
    release();
    props.onLeft();
  };
  const blurred = (event: FocusEvent): void => {
    if (!event.currentTarget.contains(event.relatedTarget)) release();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: only keeps the bar open; everything in it is a control of its own
    <div
      className={isShown ? "bar-dock bar-dock-shown" : "bar-dock"}
      onPointerEnter={hold}
      onPointerMove={hold} // over what is hidden by now it never left, nor entered
      onPointerLeave={release}
      onFocus={hold}
      onBlur={blurred}
    >
      <button
        className="bar-handle"
        type="button"
        onClick={isShown ? release : hold}
        aria-label="Show the controls"
        tabIndex={-1}
      >
        <span />
      </button>
      <div
        ref={bar}
        className="bar"
        onKeyDown={keyDown}
        role="toolbar"
        aria-label="Stream controls"
        data-testid="overlay-bar"
      >
        {typeof props.children === "function" ? props.children(isShown) : props.children}
      </div>
    </div>
  );
}

export function OverlayBar(props: OverlayBarProps) {
  return (
    <BarDock isOn={props.isOn} wish={props.wish} onLeft={props.onLeft}>
      {(isShown) => <Controls {...props} isShown={isShown} />}
    </BarDock>
  );
}

function Controls(props: OverlayBarProps & { isShown: boolean }) {
  const chosen = usePreferences();
  const { floor, onLeft } = props;
  const isViewer = floor.isKnown && !floor.isPlaying;
  // A device that is pointed at with fingers only has no keys to be helped with.
  const hasKeyboard = !isPhone();
  return (
    <>
      {!props.isGuest && (
        <a
          className="bar-button"
          href="/"
          onClick={follow}
          data-testid="back-button"
          aria-label="Back to the library"
          title="Library"
        >
          <Icon name="back" />
        </a>
      )}
      <span className="bar-title">{props.title}</span>
      {isViewer && <span className="bar-badge">Watching</span>}
      <PeopleButton floor={floor} onClick={props.onPeople} />
      <span className="bar-gap" />
      <MuteButton onLeft={onLeft} />
      <input
        className="volume"
        type="range"
        min={0}
        max={100}
        value={chosen.isMuted ? 0 : Math.round(chosen.volume * 100)}
        onChange={(event) => setPreferences({ volume: Number(event.target.value) / 100, isMuted: false })}
        aria-label="Volume"
        data-testid="volume-slider"
      />
      {props.microphone !== null && !isViewer && Microphone.isSupported() && (
        <BarButton
          icon="microphone"
          label={props.microphone === "off" ? "Let the game hear you" : "Mute your microphone"}
          testId="microphone-button"
          isPressed={props.microphone !== "off"}
          onClick={() => {
            props.onMicrophone();
            onLeft();
          }}
        />
      )}
      <StreamMenu {...props} isViewer={isViewer} />
      <StatsButton onLeft={onLeft} />
      {!isViewer && <PointerButton pointer={props.pointer} of="game" />}
      {!isViewer && <TypeButton isTyping={props.isTyping} onType={props.onType} />}
      {hasKeyboard && (
        <BarButton icon="keyboard" label="Keyboard help" testId="keyboard-help-button" onClick={props.onHelp} />
      )}
      {(!isViewer || floor.me?.has_pads) && (
        <BarButton
          icon="gamepad"
          label={props.padCount ? `Gamepads (${props.padCount})` : "Gamepads"}
          testId="pads-button"
          onClick={props.onPads}
        />
      )}
      <HeadButtons head={props.head} onHead={props.onHead} onRecentre={props.onRecentre} onLeft={onLeft} />
      <FullScreenButton fullScreen={props.fullScreen} onLeft={onLeft} />
      {!props.isGuest && (
        <StopControl
          testId="stop-game"
          className="bar-stop"
          hasIcon
          isStopping={props.isStopping}
          isHidden={!props.isShown}
          onStop={props.onStop}
          onAnswered={onLeft}
        />
      )}
    </>
  );
}

/** Who is there; with a mark while somebody asks to play. */
function PeopleButton({ floor, onClick }: { floor: FloorView; onClick: () => void }) {
  const count = floor.others.length + 1;
  const isAsked = floor.asking.length > 0;
  const label = isAsked ? "Who is here: somebody would like to play" : "Who is here";
  return (
    <button
      className={isAsked ? "bar-button bar-count bar-asked" : "bar-button bar-count"}
      type="button"
      onClick={onClick}
      aria-label={label}
      title={label}
      data-testid="people-button"
    >
      <Icon name="people" />
      {count > 1 && <span>{count}</span>}
    </button>
  );
}
