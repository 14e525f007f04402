/** A gamepad that is drawn on a touch screen: what the fingers hold, in the form in which browsers tell of a real one. */

import { PAD_BUTTONS } from "./input.gen";

export type PadButton = (typeof PAD_BUTTONS)[number];

/** What is read of a gamepad, real or drawn. */
export type PadLike = Pick<Gamepad, "id" | "index" | "connected" | "mapping" | "axes"> & {
  readonly buttons: readonly { pressed: boolean; value: number }[];
};

/** Past those that browsers give. */
const INDEX = 1000;

export class TouchPad implements PadLike {
  readonly id = "Touch screen";
  readonly index = INDEX;
  readonly mapping = "standard";
  readonly axes = [0, 0, 0, 0];
  readonly buttons = PAD_BUTTONS.map(() => ({ pressed: false, value: 0 }));
  connected = true;

  press(button: PadButton, isDown: boolean): void {
    this.buttons[PAD_BUTTONS.indexOf(button)] = { pressed: isDown, value: Number(isDown) };
  }

  /** Moves the left (0) or right (1) stick by a finger's way from its middle, in parts of the stick's reach. */
  move(stick: 0 | 1, x: number, y: number): void {
    const reach = Math.max(1, Math.hypot(x, y));
    this.axes[stick * 2] = x / reach;
    this.axes[stick * 2 + 1] = y / reach;
  }

  /** The whole device trembles: it has one motor, and most know only on and off. */
  readonly vibrationActuator = {
    playEffect: async (_: "dual-rumble", effect: GamepadEffectParameters): Promise<GamepadHapticsResult> => {
      const isFelt = Math.max(effect.strongMagnitude ?? 0, effect.weakMagnitude ?? 0) > FELT;
      navigator.vibrate?.(isFelt ? (effect.duration ?? 0) : 0);
      return "complete";
    },
    reset: async (): Promise<GamepadHapticsResult> => {
      navigator.vibrate?.(0);
      return "complete";
    },
  };
}

const FELT = 0.1;
