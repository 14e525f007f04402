/** What the session may use, for admins: seen, and changed while the game goes on. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { request } from "../api/client";
import type { LimitsBody } from "../api/schema.gen";
import type { Limits } from "../api/types";

const MIB = 1 << 20;

/** What of the form differs from the limits in force; fields that hold no number are left out. Pure. */
export function wishOf(
  limits: Pick<Limits, "memory_bytes" | "cpu_cores" | "pids">,
  form: { memoryMib: string; cores: string; pids: string },
): LimitsBody {
  const wish: LimitsBody = {};
  const memory = Math.round(Number(form.memoryMib)) * MIB;
  if (memory > 0 && memory !== limits.memory_bytes) wish.memory_bytes = memory;
  if (Number(form.cores) > 0 && Number(form.cores) !== limits.cpu_cores) wish.cpu_cores = Number(form.cores);
  if (Number(form.pids) > 0 && Number(form.pids) !== limits.pids) wish.pids = Math.round(Number(form.pids));
  return wish;
}

export function LimitsPanel({ sessionId }: { sessionId: string }) {
  const path = `/sessions/${encodeURIComponent(sessionId)}/limits`;
  const client = useQueryClient();
  const limits = useQuery({ queryKey: ["limits", sessionId], queryFn: () => request<Limits>("GET", path) });
  const change = useMutation({
    mutationFn: (wish: LimitsBody) => request<Limits>("PATCH", path, wish),
    onSuccess: (now) => client.setQueryData(["limits", sessionId], now),
  });
  if (!limits.data) return null;
  return (
    <details className="limits">
      <summary data-testid="limits-toggle">More or less for this session</summary>
      <LimitsForm
        key={JSON.stringify(limits.data)}
        limits={limits.data}
        isBusy={change.isPending}
        fault={change.error?.message ?? null}
        isDone={change.isSuccess}
        onWish={(wish) => change.mutate(wish)}
      />
    </details>
  );
}

interface LimitsFormProps {
  limits: Limits;
  isBusy: boolean;
  fault: string | null;
  isDone: boolean;
  onWish: (wish: LimitsBody) => void;
}

function LimitsForm({ limits, isBusy, fault, isDone, onWish }: LimitsFormProps) {
  const [memoryMib, setMemoryMib] = useState(String(Math.round(limits.memory_bytes / MIB)));
  const [cores, setCores] = useState(String(limits.cpu_cores));
  const [pids, setPids] = useState(String(limits.pids));
  const wish = wishOf(limits, { memoryMib, cores, pids });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onWish(wish);
  };
  return (
    <form onSubmit={submit} data-testid="limits-panel">
      <fieldset disabled={!limits.is_changeable || isBusy}>
        <Bound label="Memory, MiB" value={memoryMib} onChange={setMemoryMib} testId="limit-memory" />
        <Bound label="Processor cores" value={cores} onChange={setCores} testId="limit-cores" step="any" />
        <Bound label="Processes" value={pids} onChange={setPids} testId="limit-pids" />
        <button className="button" type="submit" disabled={Object.keys(wish).length === 0} data-testid="limits-apply">
          {isBusy ? "Changing…" : "Change now"}
        </button>
      </fieldset>
      <p className="stats-why" aria-live="polite" data-testid="limits-said">
        {fault ?? limits.problem ?? (isDone ? "Changed; the game goes on." : "")}
      </p>
    </form>
  );
}

interface BoundProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  testId: string;
  step?: string;
}

function Bound({ label, value, onChange, testId, step = "1" }: BoundProps) {
  const id = useId();
  return (
    <div className="limit">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={0}
        step={step}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        data-testid={testId}
      />
    </div>
  );
}
