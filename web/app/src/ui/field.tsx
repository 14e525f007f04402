/** A labelled control with what it means and what is wrong with it, tied together for those who can't see. */

import { type ReactNode, useId } from "react";
import { Icon } from "./icons";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  fault?: string | undefined;
  /** Makes the control; `attributes` name it and say whether it is at fault. */
  children: (attributes: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean }) => ReactNode;
}

export function Field({ label, hint, fault, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", fault ? `${id}-fault` : ""].filter(Boolean).join(" ");
  return (
    <div className={fault ? "field field-faulty" : "field"}>
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": described || undefined, "aria-invalid": fault !== undefined })}
      {fault && <FieldFault id={`${id}-fault`} text={fault} />}
      {hint && (
        <p className="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function FieldFault({ id, text }: { id?: string; text: string }) {
  return (
    <p className="fault" id={id} data-testid="field-fault">
      <Icon name="warning" />
      {text}
    </p>
  );
}
