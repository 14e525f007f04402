/** Which gamepads there are, and what is pressed on them now. While this is open the game gets none of it. */

import { useEffect, useRef, useState } from "react";
import { PadCapture, type PadState, type PadView, REST } from "../../../player/src";
import { PAD_BUTTONS } from "../../../player/src/input.gen";
import { Icon } from "../ui/icons";

const LABELS: Record<(typeof PAD_BUTTONS)[number], string> = {
  south: "A",
  east: "B",
  west: "X",
  north: "Y",
  left_shoulder: "LB",
  right_shoulder: "RB",
  left_trigger: "LT",
  right_trigger: "RT",
  select: "Back",
  start: "Start",
  left_stick: "LS",
  right_stick: "RS",
  up: "↑",
  down: "↓",
  left: "←",
  right: "→",
  home: "Home",
};

interface PadsPanelProps {
  capture: PadCapture;
  pads: PadView[];
  /** Whether one is drawn on the screen. */
  isDrawn: boolean;
  onDraw: (isDrawn: boolean) => void;
  onClose: () => void;
}

export function PadsPanel({ capture, pads, isDrawn, onDraw, onClose }: PadsPanelProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    capture.isPaused = true;
    return () => {
      capture.isPaused = false;
    };
  }, [capture]);
  return (
    <dialog ref={dialog} className="help pads" onClose={onClose} aria-labelledby="pads-title" data-testid="pads-panel">
      <h2 id="pads-title">Gamepads</h2>
      {pads.length === 0 && <NoPads />}
      {pads.map((pad) => (
        <PadTest key={pad.number} pad={pad} capture={capture} />
      ))}
      {pads.length > 0 && <p>While this is open, the game gets nothing of what you press.</p>}
      {(navigator.maxTouchPoints > 0 || isDrawn) && (
        <label className="check">
          <input
            type="checkbox"
            checked={isDrawn}
            onChange={(event) => onDraw(event.target.checked)}
            data-testid="draw-pad"
          />
          A gamepad on the touch screen
        </label>
      )}
      <form method="dialog">
        <button className="button button-primary" type="submit">
          <Icon name="close" />
          Close
        </button>
      </form>
    </dialog>
  );
}

function NoPads() {
  if (!PadCapture.isSupported() || !window.isSecureContext) {
    return (
      <p data-testid="pads-hint">
        This browser gives gamepads only to pages that it trusts: open Dillinger by its https address, with its
        certificate authority installed, or on this machine itself.
      </p>
    );
  }
  return (
    <p data-testid="pads-hint">
      Plug one in and press a button on it. A browser shows a gamepad to a page only after that.
    </p>
  );
}

/** How a gamepad stands, as often as the display shows it. */
function usePadState(capture: PadCapture, number: number): PadState {
  const [state, setState] = useState<PadState>(REST);
  useEffect(() => {
    let frame = 0;
    const look = (): void => {
      setState(capture.stateOf(number));
      frame = requestAnimationFrame(look);
    };
    look();
    return () => cancelAnimationFrame(frame);
  }, [capture, number]);
  return state;
}

function PadTest({ pad, capture }: { pad: PadView; capture: PadCapture }) {
  const state = usePadState(capture, pad.number);
  return (
    <section className="pad" data-testid={`pad-${pad.number}`} aria-label={`Gamepad ${pad.number}`}>
      <h3>
        <Icon name="gamepad" />
        {pad.number}: {pad.name}
      </h3>
      {!pad.isStandard && <p>This browser does not know its layout: buttons may be elsewhere than the game thinks.</p>}
      <div className="pad-state">
        <Stick x={state.leftX} y={state.leftY} label="Left stick" />
        <Stick x={state.rightX} y={state.rightY} label="Right stick" />
        <ul className="pad-buttons">
          {PAD_BUTTONS.map((name, bit) => (
            <li
              key={name}
              className={(state.buttons >> bit) & 1 ? "pad-button pad-button-down" : "pad-button"}
              data-testid={`pad-${pad.number}-${name}`}
              data-is-down={Boolean((state.buttons >> bit) & 1)}
            >
              {LABELS[name]}
            </li>
          ))}
        </ul>
      </div>
      {pad.canRumble && (
        <button className="button" type="button" onClick={() => capture.tryRumble(pad.number)}>
          Try the rumble
        </button>
      )}
    </section>
  );
}

function Stick({ x, y, label }: { x: number; y: number; label: string }) {
  return (
    <svg className="pad-stick" viewBox="-12 -12 24 24" role="img" aria-label={label}>
      <circle r="11" />
      <circle className="pad-stick-knob" r="4" cx={(x / 32768) * 7} cy={(y / 32768) * 7} />
    </svg>
  );
}
