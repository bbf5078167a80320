/* Which component shows which view beside the list of requests, and the opened request. A view that is not here has no tab. */

export const VIEWS = {};
export const DETAIL = null;
