/** Where the time of a picture goes, as a bar with a table behind it, and what to do about it. */

import { useRef } from "react";
import type { Advice, Stage, StageTime, Times } from "../../../player/src";
import { figure } from "../words";

interface Words {
  label: string;
  hint: string;
  /** Who spends it: the game's machine, the way, or this browser. */
  place: "seat" | "way" | "here";
}

const WORDS: Record<Stage, Words> = {
  wait: { label: "Wait", hint: "The game drew → the grab begins", place: "seat" },
  capture: { label: "Capture", hint: "Pixels taken from the display server", place: "seat" },
  convert: { label: "Convert", hint: "RGB to the encoder’s colours", place: "seat" },
  encode: { label: "Encode", hint: "The encoder", place: "seat" },
  queue: { label: "Queue", hint: "Encoded → its turn on this path", place: "way" },
  packetise: { label: "Packetise", hint: "Cut and labelled for the network", place: "way" },
  send: { label: "Send", hint: "Until the last of it is in the socket: encryption and pacing too", place: "way" },
  relay: { label: "Relay", hint: "Held by Dillinger’s web server", place: "way" },
  network: { label: "Network", hint: "Half of the network’s own round trip", place: "way" },
  delivery: { label: "Delivery", hint: "Handed over at both ends, and waited for in a jitter buffer", place: "way" },
  decode: { label: "Decode", hint: "This browser’s decoder", place: "here" },
  paint: { label: "Paint", hint: "This browser’s drawing; the screen’s refresh comes on top", place: "here" },
};

const PLACES: Record<Words["place"], string> = { seat: "Game’s machine", way: "Way", here: "This browser" };

/** Milliseconds by place, for people who can’t see the bar. */
export function summary(stages: StageTime[]): string {
  const sums = { seat: 0, way: 0, here: 0 };
  for (const { stage, p50 } of stages) sums[WORDS[stage].place] += p50;
  const parts = (Object.keys(sums) as Words["place"][]).map(
    (place) => `${PLACES[place]} ${figure(sums[place], "ms", 1)}`,
  );
  return parts.join(", ");
}

/** What was measured last: while nothing moves, nothing is. */
function useLast(times: Times | null): { times: Times | null; isOld: boolean } {
  const last = useRef<Times | null>(null);
  if (times) last.current = times;
  return { times: times ?? last.current, isOld: times === null };
}

export function TimesView({ times: now }: { times: Times | null }) {
  const { times, isOld } = useLast(now);
  if (!times) return null;
  const whole = times.stages.reduce((sum, { p50 }) => sum + p50, 0);
  return (
    <section
      className={isOld ? "times times-old" : "times"}
      aria-label="Where a picture’s time goes"
      data-testid="times"
    >
      <div className="times-bar" role="img" aria-label={summary(times.stages)}>
        {times.stages.map(({ stage, p50 }) => (
          <span
            key={stage}
            data-place={WORDS[stage].place}
            style={{ flexGrow: Math.max(p50, whole / 200) }}
            title={`${WORDS[stage].label} ${figure(p50, "ms", 2)}`}
          />
        ))}
      </div>
      <p className="times-keys" aria-hidden="true">
        {(Object.keys(PLACES) as Words["place"][]).map((place) => (
          <span key={place} data-place={place}>
            {PLACES[place]}
          </span>
        ))}
      </p>
      <details>
        <summary data-testid="times-toggle">
          Where a picture’s {figure(whole, "ms", 1)} go{isOld && ", when it last moved"}
        </summary>
        <table data-testid="times-table">
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col">Median</th>
              <th scope="col">95 %</th>
            </tr>
          </thead>
          <tbody>
            {times.stages.map(({ stage, p50, p95 }) => (
              <tr key={stage} title={WORDS[stage].hint}>
                <th scope="row" data-place={WORDS[stage].place}>
                  {WORDS[stage].label}
                </th>
                <td data-testid={`time-${stage}`}>{figure(p50, "", 2)}</td>
                <td>{figure(p95, "", 2)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      {!isOld && <AdviceList advice={times.advice} />}
    </section>
  );
}

function AdviceList({ advice }: { advice: Advice[] }) {
  if (advice.length === 0) return null;
  return (
    <ul className="times-advice" aria-label="What to do" data-testid="times-advice">
      {advice.map(({ code, reason, action }) => (
        <li key={code} data-code={code}>
          <span>{reason}.</span> <strong>{action}.</strong>
        </li>
      ))}
    </ul>
  );
}
