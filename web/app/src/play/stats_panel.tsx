/** What was measured in the last second; a dash is what nobody measured. */

import type { ReactNode } from "react";
import type { PlayerStats } from "../../../player/src";
import { Icon } from "../ui/icons";
import { bitrate, figure } from "../words";
import { TimesView } from "./times_view";

interface Row {
  name: string;
  label: string;
  value: string;
  hint: string;
}

const PATHS: Record<string, string> = { websocket: "WebSocket", webrtc: "WebRTC" };

function rows(stats: PlayerStats | null): Row[] {
  const size = stats?.width_px && stats.height_px ? `${stats.width_px}×${stats.height_px}` : "–";
  const loss = stats?.loss_ratio;
  return [
    {
      name: "latency",
      label: "Latency",
      value: figure(stats?.latency_ms, "ms", 1),
      hint: "Captured to drawn, the way back included",
    },
    { name: "rtt", label: "Round trip", value: figure(stats?.rtt_ms, "ms", 1), hint: "Network, there and back" },
    {
      name: "fps",
      label: "Shown",
      value: figure(stats?.shown_fps, "fps"),
      hint: "Frames drawn in the last second; still pictures send none",
    },
    { name: "bitrate", label: "Bitrate", value: bitrate(stats?.bitrate_bps), hint: "Received in the last second" },
    {
      name: "target",
      label: "Limit",
      value: bitrate(stats?.target_bps),
      hint: "What the network carries of what was chosen; a dash while it carries all of it",
    },
    {
      name: "limit",
      label: "Made",
      value: figure(stats?.limit_hz, "fps"),
      hint: "Pictures that the seat makes, since the network carries no more that are sharp; a dash for all of them",
    },
    {
      name: "loss",
      label: "Loss",
      value: figure(loss === null || loss === undefined ? null : loss * 100, "%", 1),
      hint: "Packets; TCP hides its own",
    },
    { name: "codec", label: "Codec", value: stats?.codec ?? "–", hint: "As WebCodecs names it" },
    { name: "size", label: "Picture", value: size, hint: "Pixels" },
    { name: "transport", label: "Path", value: PATHS[stats?.transport ?? ""] ?? "–", hint: "What carries the picture" },
    { name: "encode", label: "Encode", value: figure(stats?.encode_ms, "ms", 1), hint: "At the seat, median" },
    { name: "decode", label: "Decode", value: figure(stats?.decode_ms, "ms", 1), hint: "Here, median" },
    { name: "draw", label: "Draw", value: figure(stats?.draw_ms, "ms", 1), hint: "Here, median" },
    {
      name: "sound-buffer",
      label: "Sound ahead",
      value: figure(stats?.sound_buffer_ms, "ms"),
      hint: "Waiting to be played",
    },
    { name: "dropped", label: "Dropped", value: figure(stats?.dropped_frames, ""), hint: "Frames the seat left out" },
    { name: "viewers", label: "Viewers", value: figure(stats?.viewers, ""), hint: "Of this stream" },
  ];
}

interface StatsPanelProps {
  stats: PlayerStats | null;
  onClose: () => void;
  /** What else belongs to the figures. */
  children?: ReactNode;
}

export function StatsPanel({ stats, onClose, children }: StatsPanelProps) {
  return (
    <aside className="stats" aria-label="Figures of the stream" data-testid="stats-panel">
      <button className="stats-close" type="button" onClick={onClose} aria-label="Hide the figures">
        <Icon name="close" />
      </button>
      <dl>
        {rows(stats).map((row) => (
          <div key={row.name} title={row.hint}>
            <dt>{row.label}</dt>
            <dd data-testid={`stat-${row.name}`}>{row.value}</dd>
          </div>
        ))}
      </dl>
      {stats?.transport_reason && (
        <p className="stats-why" data-testid="stat-transport-reason">
          {stats.transport_reason}
        </p>
      )}
      {stats?.codec_reason && (
        <p className="stats-why" data-testid="stat-codec-reason">
          {stats.codec_reason}
        </p>
      )}
      {stats?.limit_reason && (
        <p className="stats-why" data-testid="stat-limit-reason">
          {stats.limit_reason}
        </p>
      )}
      <TimesView times={stats?.times ?? null} />
      {children}
    </aside>
  );
}
