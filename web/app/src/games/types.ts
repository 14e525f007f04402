/** What core's API says of games that are added and edited, by the names that the forms use; generated from the API. */

import type { GameAddition, GameDetails } from "../api/schema.gen";

export type { Runtime } from "../api/runner.gen";
export type {
  CandidateView as Candidate,
  DisplayConfiguration as Display,
  FieldFault,
  FolderView as Folder,
  GameDetails,
  ImportView as Addition,
  NativeLaunchBody,
  PrefixInfo as Prefix,
  ProtonLaunchBody,
  Resources,
  SavesInfo as Saves,
  SurveyView as Survey,
  WineLaunchBody,
} from "../api/schema.gen";

/** A kind that this form does not know is kept as it is. */
export type Launch = GameDetails["launch"];
/** As it is sent. */
export type LaunchBody = GameAddition["launch"];
export type Network = GameDetails["network"];
