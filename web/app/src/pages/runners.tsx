/** Every runner, for admins: whether it answers, what it has, and how much of that is in use. */

import { useMe, useRunners } from "../api/queries";
import type { RunnerView } from "../api/types";
import { Icon } from "../ui/icons";
import { Problem } from "../ui/problem";
import { Shell } from "../ui/shell";
import { useTitle } from "../use_title";

const LOOK_EVERY_MS = 5000;
const GIB = 1024 ** 3;

/** `6.4 of 24 GiB free`; what is not known is left out. Pure. */
export function memoryWords(room: Pick<NonNullable<RunnerView["room"]>, "free_memory_bytes" | "memory_bytes">): string {
  const free = (room.free_memory_bytes / GIB).toFixed(1);
  return room.memory_bytes === null
    ? `${free} GiB free`
    : `${free} of ${(room.memory_bytes / GIB).toFixed(1)} GiB free`;
}

/** `2 of 8`, and how many of them wait. Pure. */
export function sessionWords(
  room: Pick<NonNullable<RunnerView["room"]>, "sessions" | "max_sessions" | "waiting">,
): string {
  const words = `${room.sessions} of ${room.max_sessions}`;
  return room.waiting > 0 ? `${words}, ${room.waiting} waiting` : words;
}

export function RunnersPage({ isConnected }: { isConnected: boolean }) {
  useTitle("Runners");
  const me = useMe();
  const isAdmin = me.data?.user.role === "admin";
  const runners = useRunners(isAdmin, LOOK_EVERY_MS);
  return (
    <Shell isConnected={isConnected}>
      <div className="settings">
        <h1>Runners</h1>
        {!isAdmin && <p>Only admins see what runs the games.</p>}
        {runners.error && <Problem error={runners.error} />}
        {runners.data?.length === 0 && <p data-testid="no-runners">No runner is known.</p>}
        <ul className="runners" aria-busy={runners.isPending && isAdmin}>
          {runners.data?.map((runner) => (
            <Runner key={runner.name} runner={runner} />
          ))}
        </ul>
      </div>
    </Shell>
  );
}

function Runner({ runner }: { runner: RunnerView }) {
  const { room } = runner;
  const live = runner.session_ids.length;
  return (
    <li className="panel runner" data-testid="runner" data-name={runner.name} data-is-reachable={runner.is_reachable}>
      <h2>
        <Icon name="machine" />
        <span className="runner-name">{runner.name}</span>
        <span className={runner.is_reachable ? "runner-state runner-up" : "runner-state"}>
          {runner.is_reachable ? "answers" : "out of reach"}
        </span>
      </h2>
      {runner.message && <p className="panel-note">{runner.message}</p>}
      <dl className="runner-facts">
        <Fact name="Sessions" value={room ? sessionWords(room) : `${live} known`} />
        <Fact name="Processors" value={room?.cpu_cores?.toString() ?? "–"} />
        <Fact name="Memory" value={room ? memoryWords(room) : "–"} />
        <Fact name="Backend" value={room?.backend ?? "–"} />
        <Fact name="Version" value={runner.version ?? "–"} />
      </dl>
      {room?.memory_bytes != null && room.memory_bytes > 0 && (
        <meter
          className="runner-meter"
          min={0}
          max={room.memory_bytes}
          value={room.memory_bytes - room.free_memory_bytes}
          aria-label="Memory that games can't have any more"
        />
      )}
    </li>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
