/** What an authorizer says. */
export interface Decision {
  allowed: boolean;
  /** Why; may be empty. */
  reason: string;
}
