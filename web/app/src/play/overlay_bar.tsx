/**
 * The bar over the game. It hides by itself and leaves a small handle at the upper edge: a mouse or finger there, the keyboard shortcut
 * or the Tab key bring it back.
 */

import { type FocusEvent, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import {
  type CodecWish,
  type FloorView,
  Microphone,
  type MicrophoneState,
  type TransportWish,
  type VideoFormat,
} from "../../../player/src";
import { type Quality, setPreferences, usePreferences } from "../preferences";
import { follow } from "../router";
import { Icon } from "../ui/icons";
import { StopControl } from "../ui/stop_control";
import { BarButton, FullScreenButton, MuteButton, PointerButton, StatsButton, TypeButton } from "./bar_buttons";
import type { FullScreen } from "./use_full_screen";
import type { PointerLock } from "./use_pointer_lock";

const LINGER_MS = 2500;

interface OverlayBarProps {
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
  isStopping: boolean;
  onStop: () => void;
  onHelp: () => void;
  padCount: number;
  onPads: () => void;
  /** Brings up the on-screen keyboard; it takes the focus. */
  onType: () => void;
  onLeft: () => void;
  onQuality: (quality: Quality) => void;
  /** What pictures can be encoded as, here and at the seat. */
  formats: VideoFormat[];
  onCodec: (codec: CodecWish) => void;
  onTextSharp: (isTextSharp: boolean) => void;
  onTransport: (transport: TransportWish) => void;
}

/** Whether the bar is shown: while something in it is used, and a little longer. */
function useShown(isOn: boolean, wish: number) {
  const [isShown, setShown] = useState(true);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const hold = (): void => {
    clearTimeout(timer.current);
    setShown(true);
  };
  const release = (): void => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setShown(false), LINGER_MS);
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
  const { isShown, hold, release } = useShown(props.isOn, props.wish);
  const bar = useRef<HTMLDivElement>(null);
  const handled = useRef(0);
  useEffect(() => {
    if (!isShown || props.wish === handled.current) return;
    handled.current = props.wish;
    bar.current?.querySelector<HTMLElement>("a, button")?.focus();
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
  const hasKeyboard = navigator.maxTouchPoints === 0 || matchMedia("(any-pointer: fine)").matches;
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
      <Choice
        label="Quality"
        testId="quality-select"
        value={chosen.quality}
        options={[
          ["sharp", "Sharp"],
          ["balanced", "Balanced"],
          ["smooth", "Smooth"],
          ["saver", "Saver"],
        ]}
        onChange={(value) => props.onQuality(value as Quality)}
      />
      {!isViewer && <CodecChoice {...props} />}
      <Choice
        label="Transport"
        testId="transport-select"
        value={chosen.transport}
        options={[
          ["auto", "Auto path"],
          ["websocket", "WebSocket"],
          ["webrtc", "WebRTC"],
        ]}
        onChange={(value) => props.onTransport(value as TransportWish)}
      />
      <StatsButton onLeft={onLeft} />
      {!isViewer && <PointerButton pointer={props.pointer} of="game" />}
      {!isViewer && <TypeButton onType={props.onType} />}
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

const CODECS: [Exclude<VideoFormat, "h264-444">, string][] = [
  ["h264", "H.264"],
  ["h264-high", "H.264 High"],
  ["vp8", "VP8"],
  ["vp9", "VP9"],
  ["av1", "AV1"],
];

/** Only what works: the seat tells, once it has tried what its machine encodes in time. */
function CodecChoice({ formats, onCodec, onTextSharp }: Pick<OverlayBarProps, "formats" | "onCodec" | "onTextSharp">) {
  const chosen = usePreferences();
  const offered = CODECS.filter(([codec]) => formats.includes(codec) || codec === chosen.codec);
  return (
    <>
      {offered.length > 1 && (
        <Choice
          label="Codec"
          testId="codec-select"
          value={chosen.codec}
          options={[["auto", "Auto codec"], ...offered]}
          onChange={(value) => onCodec(value as CodecWish)}
        />
      )}
      {(formats.includes("h264-444") || chosen.isTextSharp) && (
        <label className="bar-check" title="A colour for every pixel: sharper coloured text, for more bits and work">
          <input
            type="checkbox"
            checked={chosen.isTextSharp}
            onChange={(event) => onTextSharp(event.target.checked)}
            data-testid="sharp-text"
          />
          Sharp text
        </label>
      )}
    </>
  );
}

interface ChoiceProps {
  label: string;
  testId: string;
  value: string;
  options: [string, string][];
  onChange: (value: string) => void;
}

function Choice({ label, testId, value, options, onChange }: ChoiceProps) {
  return (
    <select
      className="bar-choice"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      aria-label={label}
      title={label}
      data-testid={testId}
    >
      {options.map(([key, text]) => (
        <option key={key} value={key}>
          {text}
        </option>
      ))}
    </select>
  );
}
