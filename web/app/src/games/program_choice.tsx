/** Which program is the game: those of its folder, the likeliest first, or any other by name. */

import { useId, useState } from "react";
import { FieldFault } from "../ui/field";
import type { Candidate } from "./types";

const SHOWN = 5;

interface ProgramChoiceProps {
  candidates: readonly Candidate[];
  program: string;
  fault: string | undefined;
  /** The candidate that was chosen; null where the name was typed. */
  onChange: (program: string, candidate: Candidate | null) => void;
}

export function ProgramChoice({ candidates, program, fault, onChange }: ProgramChoiceProps) {
  const name = useId();
  const known = candidates.findIndex((one) => `./${one.path}` === program);
  const [isOther, setOther] = useState(candidates.length === 0 || (program !== "" && known < 0));
  const [showsAll, setShowsAll] = useState(known >= SHOWN);
  const shown = showsAll ? candidates : candidates.slice(0, SHOWN);
  return (
    <fieldset className={fault ? "choices field-faulty" : "choices"} data-testid="program-choice">
      <legend>Program</legend>
      {shown.map((one) => (
        <label key={one.path} className="choice">
          <input
            type="radio"
            name={name}
            checked={!isOther && `./${one.path}` === program}
            disabled={one.launch === null}
            onChange={() => {
              setOther(false);
              onChange(`./${one.path}`, one);
            }}
          />
          <span className="choice-text">
            <span className="choice-name">{one.path}</span>
            <span className="choice-about">
              {one.about}
              {one.doubt && <span className="choice-doubt"> · {one.doubt}</span>}
            </span>
          </span>
        </label>
      ))}
      {!showsAll && candidates.length > SHOWN && (
        <button type="button" className="button button-quiet" onClick={() => setShowsAll(true)}>
          Show all {candidates.length}
        </button>
      )}
      <label className="choice">
        <input type="radio" name={name} checked={isOther} onChange={() => setOther(true)} />
        <span className="choice-text">
          <span className="choice-name">{candidates.length > 0 ? "Another program" : "By its name or path"}</span>
          {isOther && (
            <input
              className="choice-input"
              value={program}
              onChange={(event) => onChange(event.target.value, null)}
              aria-label="Program"
              aria-invalid={fault !== undefined}
              placeholder="./folder/program, /usr/games/name, or notepad under Wine"
              spellCheck={false}
              autoCapitalize="off"
              data-testid="program-input"
            />
          )}
        </span>
      </label>
      {fault && <FieldFault text={fault} />}
    </fieldset>
  );
}
