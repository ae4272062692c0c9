/** A token that was refused; the message is for the log and for TokenReview, not for the client. */
export class TokenError extends Error {}
