/** The few signs that the pages need, drawn with one stroke width. Always beside a label or inside a labelled button. */

const PATHS = {
  play: "M8 5.5v13l10.5-6.5z",
  stop: "M7 7h10v10H7z",
  back: "M14.5 6l-6 6 6 6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  volume: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4 4 0 0 1 0 6M18 6.5a7.5 7.5 0 0 1 0 11",
  muted: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  fullscreen: "M4.5 9V4.5H9M15 4.5h4.5V9M19.5 15v4.5H15M9 19.5H4.5V15",
  window: "M9 4.5V9H4.5M19.5 9H15V4.5M15 19.5V15h4.5M4.5 15H9v4.5",
  stats: "M5 19.5v-6M10 19.5v-11M15 19.5v-8M20 19.5v-15",
  microphone:
    "M12 3.5a2.8 2.8 0 0 0-2.8 2.8v5a2.8 2.8 0 0 0 5.6 0v-5A2.8 2.8 0 0 0 12 3.5zM5.8 11a6.2 6.2 0 0 0 12.4 0M12 17.2v3.3M9 20.5h6",
  mouse: "M12 3.5a5.5 5.5 0 0 0-5.5 5.5v6a5.5 5.5 0 0 0 11 0V9A5.5 5.5 0 0 0 12 3.5zM12 7v3.5",
  gamepad:
    "M8 8h8a5 5 0 0 1 4.8 6.4l-.5 1.9a1.9 1.9 0 0 1-3.3.7L15.2 15H8.8l-1.8 2a1.9 1.9 0 0 1-3.3-.7l-.5-1.9A5 5 0 0 1 8 8zM8 10v3M6.5 11.5h3M15 10.5h.01M17 12.5h.01",
  keyboard: "M3.5 7h17v10h-17zM7 10.5h.01M10.5 10.5h.01M14 10.5h.01M17 10.5h.01M8 13.8h8",
  typing: "M3.5 4.5h17v9h-17zM7 7.5h.01M10.5 7.5h.01M14 7.5h.01M17 7.5h.01M8 10.5h8M9 17l3 3 3-3",
  settings: "M4 7.5h9M17 7.5h3M4 16.5h3M11 16.5h9M15 5v5M9 14v5",
  shield: "M12 3.5l7 2.5v5.5c0 4.5-3 7.5-7 9-4-1.5-7-4.5-7-9V6z",
  logout: "M14 4.5H6v15h8M10.5 12H20M16.5 8.5L20 12l-3.5 3.5",
  again: "M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4",
  warning: "M12 4.5l8.5 15h-17zM12 10v4.5M12 17h.01",
  machine: "M4 5h16v5.5H4zM4 13.5h16V19H4zM7.5 7.8h.01M7.5 16.2h.01M11 7.8h6M11 16.2h6",
  people:
    "M9 11a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 9 11zM3 19.5c0-3.3 2.7-5.6 6-5.6s6 2.3 6 5.6M15.5 5a3 3 0 0 1 0 5.8M17.5 14.3c2.1.7 3.5 2.6 3.5 5.2",
  eye: "M2.8 12S6.2 6 12 6s9.2 6 9.2 6-3.4 6-9.2 6-9.2-6-9.2-6zM12 14.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6z",
  head: "M12 15.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 9A8.3 8.3 0 0 1 12 3.5 8.3 8.3 0 0 1 19.5 9M19.5 9l.3-3.2M19.5 9l-3.1-.4M4.5 15.5A8.3 8.3 0 0 0 12 20.5a8.3 8.3 0 0 0 7.5-5",
  ahead: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3.5v3M12 17.5v3M3.5 12h3M17.5 12h3",
  plus: "M12 5v14M5 12h14",
  edit: "M4.5 19.5l1-4.5L15.5 5a2.1 2.1 0 0 1 3 0l.5.5a2.1 2.1 0 0 1 0 3L9 18.5zM14 6.5l3.5 3.5",
  folder:
    "M3.5 7.5v10a1.5 1.5 0 0 0 1.5 1.5h14a1.5 1.5 0 0 0 1.5-1.5V9A1.5 1.5 0 0 0 19 7.5h-7l-2-2.5H5A1.5 1.5 0 0 0 3.5 6.5z",
  file: "M6.5 3.5h7.5l4 4v13h-11.5zM14 3.5v4h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  trash: "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5",
  download: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 19.5h14",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
