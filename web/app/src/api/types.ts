/** What core's API answers (`/api/v1`), by the names that the pages use. The types themselves are generated from the API. */

import type { UserView } from "./schema.gen";

export type {
  GameCard,
  LimitsView as Limits,
  RunnerView,
  SessionState,
  SessionView,
  StepView as StartStep,
  UserView as User,
} from "./schema.gen";

/** What `/me` says to somebody who is logged in, and `/login`. */
export interface Me {
  user: UserView;
  csrf: string;
}
