/** What went wrong, and what to do about it. */

import type { ReactNode } from "react";
import { ApiProblem } from "../api/client";
import { Icon } from "./icons";

export function Problem({ error, children }: { error: unknown; children?: ReactNode }) {
  const problem = error instanceof ApiProblem ? error : null;
  const text = error instanceof Error ? error.message : String(error);
  return (
    <div className="problem" role="alert" data-testid="error-box">
      <Icon name="warning" />
      <div>
        <p className="problem-text">{text}</p>
        {problem?.hint && <p className="problem-hint">{problem.hint}</p>}
        {children && <div className="problem-actions">{children}</div>}
      </div>
    </div>
  );
}
