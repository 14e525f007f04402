/** The buttons of the bar that a game and a desktop share. What they choose is kept as a preference or belongs to the page. */

import { type HeadState, isPhone } from "../../../player/src";
import { setPreferences, usePreferences } from "../preferences";
import { Icon, type IconName } from "../ui/icons";
import type { FullScreen } from "./use_full_screen";
import type { PointerLock } from "./use_pointer_lock";

interface BarButtonProps {
  icon: IconName;
  label: string;
  testId: string;
  onClick: () => void;
  isPressed?: boolean | undefined;
  /** A click takes the focus from nobody. */
  keepsFocus?: boolean;
}

export function BarButton({ icon, label, testId, onClick, isPressed, keepsFocus }: BarButtonProps) {
  return (
    <button
      className="bar-button"
      type="button"
      onClick={onClick}
      onMouseDown={keepsFocus ? (event) => event.preventDefault() : undefined}
      aria-label={label}
      aria-pressed={isPressed}
      title={label}
      data-testid={testId}
    >
      <Icon name={icon} />
    </button>
  );
}

interface Leaving {
  /** Afterwards the keyboard is the stream's again. */
  onLeft: () => void;
}

export function MuteButton({ onLeft }: Leaving) {
  const { isMuted, volume } = usePreferences();
  const isSilent = isMuted || volume === 0;
  return (
    <BarButton
      icon={isSilent ? "muted" : "volume"}
      label={isSilent ? "Unmute" : "Mute"}
      testId="mute-button"
      isPressed={isSilent}
      onClick={() => {
        setPreferences(isSilent ? { isMuted: false, volume: volume || 1 } : { isMuted: true });
        onLeft();
      }}
    />
  );
}

export function StatsButton({ onLeft }: Leaving) {
  const { showsStats } = usePreferences();
  return (
    <BarButton
      icon="stats"
      label="Figures"
      testId="stats-toggle"
      isPressed={showsStats}
      onClick={() => {
        setPreferences({ showsStats: !showsStats });
        onLeft();
      }}
    />
  );
}

/** `of`: what gets the mouse. */
export function PointerButton({ pointer, of }: { pointer: PointerLock; of: string }) {
  if (!pointer.isPossible) return null;
  return (
    <BarButton
      icon="mouse"
      label={`Give the mouse to the ${of}`}
      testId="pointer-lock-button"
      onClick={pointer.toggle}
    />
  );
}

interface TypeButtonProps {
  isTyping: boolean;
  onType: () => void;
}

/** Text from an input method, or from the on-screen keyboard of what has no other; what takes it has the focus, and keeps it. */
export function TypeButton({ isTyping, onType }: TypeButtonProps) {
  const hasNoKeys = isPhone();
  return (
    <BarButton
      icon="typing"
      label={hasNoKeys ? "On-screen keyboard" : "Type text (input method, emoji)"}
      testId="type-button"
      isPressed={hasNoKeys ? undefined : isTyping}
      onClick={onType}
      keepsFocus
    />
  );
}

interface HeadButtonsProps extends Leaving {
  head: HeadState;
  onHead: () => void;
  onRecentre: () => void;
}

/** Looking around by moving the device, where it has the sensors and the game follows them. */
export function HeadButtons({ head, onHead, onRecentre, onLeft }: HeadButtonsProps) {
  if (head === "absent") return null;
  const isOn = head === "on";
  return (
    <>
      <BarButton
        icon="head"
        label={isOn ? "Stop looking around by moving this device" : "Look around by moving this device"}
        testId="head-button"
        isPressed={isOn}
        onClick={() => {
          onHead();
          onLeft();
        }}
      />
      {isOn && (
        <BarButton
          icon="ahead"
          label="This is straight ahead"
          testId="recentre-button"
          onClick={() => {
            onRecentre();
            onLeft();
          }}
        />
      )}
    </>
  );
}

export function FullScreenButton({ fullScreen, onLeft }: Leaving & { fullScreen: FullScreen }) {
  if (!fullScreen.isPossible) return null;
  return (
    <BarButton
      icon={fullScreen.isOn ? "window" : "fullscreen"}
      label={fullScreen.isOn ? "Leave full screen" : "Full screen"}
      testId="fullscreen-button"
      onClick={() => {
        fullScreen.toggle();
        onLeft();
      }}
    />
  );
}
