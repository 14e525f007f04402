/** What may be chosen of the stream, behind one button of the bar: quality, codec, what carries it. Escape closes it and is back at the button. */

import { type KeyboardEvent, type ReactNode, useId } from "react";
import type { CodecWish, TransportWish, VideoFormat } from "../../../player/src";
import { type Quality, usePreferences } from "../preferences";
import { Icon } from "../ui/icons";

export interface StreamWishes {
  /** What pictures can be encoded as, here and at the seat. */
  formats: VideoFormat[];
  onQuality: (quality: Quality) => void;
  onCodec: (codec: CodecWish) => void;
  onTextSharp: (isTextSharp: boolean) => void;
  onTransport: (transport: TransportWish) => void;
}

const QUALITIES: [Quality, string][] = [
  ["sharp", "Sharp"],
  ["balanced", "Balanced"],
  ["smooth", "Smooth"],
  ["saver", "Saver"],
];

const CODECS: [Exclude<VideoFormat, "h264-444">, string][] = [
  ["h264", "H.264"],
  ["h264-high", "H.264 High"],
  ["vp8", "VP8"],
  ["vp9", "VP9"],
  ["av1", "AV1"],
];

const TRANSPORTS: [TransportWish, string][] = [
  ["auto", "Automatic"],
  ["websocket", "WebSocket"],
  ["webrtc", "WebRTC"],
];

/** The browser closes an open menu by itself; the bar around it is not meant. */
function keepEscape(event: KeyboardEvent<HTMLElement>): void {
  const menu = event.currentTarget.parentElement?.querySelector(":popover-open");
  if (event.key === "Escape" && menu) event.stopPropagation();
}

export function StreamMenu({ isViewer, ...wishes }: StreamWishes & { isViewer: boolean }) {
  const id = useId();
  const chosen = usePreferences();
  return (
    <>
      <button
        className="bar-button"
        type="button"
        popoverTarget={id}
        onKeyDown={keepEscape}
        aria-haspopup="dialog"
        aria-label="Stream: quality and path"
        title="Stream"
        data-testid="stream-button"
      >
        <Icon name="settings" />
      </button>
      <div
        className="bar-menu"
        id={id}
        popover="auto"
        role="dialog"
        aria-label="Stream"
        onKeyDown={keepEscape}
        data-testid="stream-menu"
      >
        <Choice
          label="Quality"
          testId="quality-select"
          value={chosen.quality}
          options={QUALITIES}
          onChange={wishes.onQuality}
        />
        {!isViewer && <CodecChoice {...wishes} />}
        <Choice
          label="Carried by"
          testId="transport-select"
          value={chosen.transport}
          options={TRANSPORTS}
          onChange={wishes.onTransport}
        />
      </div>
    </>
  );
}

/** Only what works: the seat tells, once it has tried what its machine encodes in time. */
function CodecChoice({ formats, onCodec, onTextSharp }: StreamWishes) {
  const chosen = usePreferences();
  const offered = CODECS.filter(([codec]) => formats.includes(codec) || codec === chosen.codec);
  return (
    <>
      {offered.length > 1 && (
        <Choice
          label="Codec"
          testId="codec-select"
          value={chosen.codec}
          options={[["auto", "Automatic"], ...offered]}
          onChange={onCodec}
        />
      )}
      {(formats.includes("h264-444") || chosen.isTextSharp) && (
        <Row label="Sharp text" hint="A colour for every pixel: sharper coloured text, for more bits and work">
          <input
            type="checkbox"
            checked={chosen.isTextSharp}
            onChange={(event) => onTextSharp(event.target.checked)}
            data-testid="sharp-text"
          />
        </Row>
      )}
    </>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  testId: string;
  value: Value;
  options: [Value, string][];
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ label, testId, value, options, onChange }: ChoiceProps<Value>) {
  return (
    <Row label={label}>
      <select value={value} onChange={(event) => onChange(event.target.value as Value)} data-testid={testId}>
        {options.map(([key, text]) => (
          <option key={key} value={key}>
            {text}
          </option>
        ))}
      </select>
    </Row>
  );
}

function Row({ label, hint, children }: { label: string; hint?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is its child
    <label className="bar-menu-row" title={hint}>
      <span>{label}</span>
      {children}
    </label>
  );
}
